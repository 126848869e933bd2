"""Removing a user's data for good, where there are several hosts: nobody brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from actors.cluster.coordination import Membership
from actors.cluster.directory import State
from actors.supervisor import HOUSEKEEPING
from bus.errors import Conflict, Unavailable
from bus.events import InstanceDeleted
from bus.requests import DeleteInstance, InitInstance, RenameInstance, UndeleteInstance
from tests.actors.house import Caller
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME
from tests.house.surroundings import eventually

LOST = Membership(host="h2", incarnation=5, lease=2)
PURGE = DeleteInstance(user_id="alice", purge=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return one with alice, who has run and is stopped."""
    with bench_of(tmp_path) as made:
        made.join()
        made.run("alice")
        made.stop("alice")
        yield made


def answered(bench: Bench, caller: Caller) -> Caller:
    """Return it when the one who was asked has answered."""
    eventually(lambda: not caller.waits, "it is answered")
    bench.house.settle()
    return caller


def is_here(bench: Bench) -> bool:
    return bench.house.layout.data("alice").exists()


def test_the_hosts_know_of_a_purge_before_anything_is_removed(bench: Bench) -> None:
    """Although the place changes at that moment: it is told for sure."""
    seen = []
    bench.paper.before_swap += [
        lambda: bench.paper.change("alice", created_at=None),
        lambda: seen.append((is_here(bench), bench.place("alice").state)),
    ]
    answered(bench, bench.ask(PURGE))
    assert seen == [(True, State.STOPPED)]
    assert (is_here(bench), bench.house.store.get("alice")) == (False, None)
    assert bench.place("alice").state is State.PURGED


def test_nothing_is_removed_that_the_hosts_do_not_know_of(bench: Bench) -> None:
    """Neither here nor in the replica, which begins with the event; asked again, it is done."""
    bench.paper.away = True
    refused = answered(bench, bench.ask(PURGE)).error()
    assert refused.code == Unavailable.code
    assert is_here(bench)
    assert not any(isinstance(event, InstanceDeleted) for event in bench.house.events)
    bench.paper.away = False
    answered(bench, bench.ask(PURGE))
    assert bench.place("alice").state is State.PURGED
    assert isinstance(bench.house.events[-1], InstanceDeleted)


def test_what_is_told_late_does_not_bring_a_purged_user_back(bench: Bench) -> None:
    """Its record is there for a moment still, after the hosts know that it is gone."""
    bench.paper.change("alice", state=State.PURGED)
    bench.claims.mirror("alice")
    assert bench.place("alice").state is State.PURGED


def test_a_user_who_is_being_purged_is_not_begun(bench: Bench) -> None:
    """Whoever asks for it meanwhile is refused; then it begins anew, under a higher epoch."""
    asked: list[Caller] = []

    def ask() -> None:
        asked.append(bench.ask(InitInstance(user_id="alice")))
        bench.house.settle()

    bench.paper.before_swap.append(ask)
    answered(bench, bench.ask(PURGE))
    assert "DeleteInstance is under way" in asked[0].error().message
    bench.run("alice")
    assert (bench.place("alice").epoch, bench.place("alice").born) == (2, 2)


def test_a_purge_that_a_manager_had_told_stays_told(bench: Bench) -> None:
    """What it had not removed yet is set aside: nobody is started on it, here or elsewhere."""
    bench.desk.names.purge(bench.house.record("alice"))
    bench.restart()
    bench.join(ME.incarnation + 1)
    assert bench.place("alice").state is State.PURGED
    assert (is_here(bench), bench.house.store.get("alice")) == (False, None)


def test_a_host_that_was_lost_purges_nobody(bench: Bench) -> None:
    """When it has joined again, it purges whom it has claimed under that membership."""
    answered(bench, bench.ask(DeleteInstance(user_id="alice")))
    bench.fence.shut()
    bench.house.advance(60 + HOUSEKEEPING)
    assert bench.house.record("alice").deleted_at is not None

    bench.join(ME.incarnation + 1)
    bench.house.advance(HOUSEKEEPING)
    eventually(lambda: bench.place("alice").state is State.PURGED, "the hosts know")
    eventually(lambda: bench.house.store.get("alice") is None, "it is purged")


def test_whoever_was_deleted_on_a_lost_host_is_purged_when_it_is_due(bench: Bench) -> None:
    """By another one, which takes it for that; whoever is not due may be undeleted."""
    deleted_at = bench.house.clock.now()
    for user, at in (("bob", deleted_at), ("carol", deleted_at + timedelta(seconds=30))):
        bench.paper.put(user, place(LOST, epoch=3, state=State.STOPPED))
        bench.paper.change(user, deleted_at=at, wanted=False)
    bench.desk.lose(LOST.host)
    bench.house.clock.advance(60)
    bench.step()
    eventually(lambda: bench.house.store.get("bob") is not None, "it is taken")
    assert (bench.place("bob").host, bench.place("bob").deleted_at) == ("h1", deleted_at)
    bench.house.advance(HOUSEKEEPING)
    eventually(lambda: bench.place("bob").state is State.PURGED, "the hosts know")
    eventually(lambda: bench.house.store.get("bob") is None, "it is purged")
    assert bench.place("carol").host == LOST.host


def test_who_was_deleted_by_a_copy_of_etcd_is_not_taken_to_be_purged(bench: Bench) -> None:
    """It may have been undeleted since that was made."""
    bench.paper.put("bob", place(LOST, epoch=3, state=State.STOPPED))
    bench.paper.change("bob", deleted_at=bench.house.clock.now(), wanted=False)
    bench.desk.lose(LOST.host)
    bench.house.clock.advance(60)
    bench.atlas.doubt = LOST.incarnation
    bench.step()
    with bench.jobs.alone("bob"):
        assert bench.place("bob").host == LOST.host


def test_an_undelete_is_answered_once_the_hosts_know_of_it(bench: Bench) -> None:
    """Else another host could purge the user when it is due. Asked again, they are told again."""
    answered(bench, bench.ask(DeleteInstance(user_id="alice")))
    eventually(lambda: bench.place("alice").deleted_at is not None, "it is told")
    bench.paper.away = True
    refused = answered(bench, bench.ask(UndeleteInstance(user_id="alice"))).error()
    assert refused.code == Unavailable.code
    assert is_here(bench)
    bench.paper.away = False
    again = answered(bench, bench.ask(UndeleteInstance(user_id="alice"))).error()
    assert (again.code, bench.place("alice").deleted_at) == (Conflict.code, None)


def test_the_end_of_an_old_name_survives_the_manager(bench: Bench) -> None:
    """It is told by the next one, and until then nobody has the name: it came back before."""
    bench.paper.before_swap += [lambda: None, lambda: setattr(bench.paper, "away", True)]
    answered(bench, bench.ask(RenameInstance(user_id="alice", to="bob"))).instance()
    assert bench.house.store.departures == {"alice": 1}
    bench.paper.away = False
    assert isinstance(bench.acquire("alice", new=True), Unavailable)

    bench.restart()
    assert bench.house.store.departures == {"alice": 1}
    bench.join(ME.incarnation + 1)
    eventually(lambda: not bench.house.store.departures, "it is told")
    bench.step()
    assert bench.place("alice").state is State.PURGED
    assert bench.place("bob").host == "h1"


def test_a_successor_of_the_name_is_not_purged_by_a_late_word(bench: Bench) -> None:
    """Another host has the name by then: what is told is about the epoch that was."""
    bench.paper.change("alice", epoch=2)
    bench.desk.names.end("alice", 1)
    assert bench.place("alice").state is State.STOPPED
