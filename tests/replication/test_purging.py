"""The replica of somebody who was purged is removed, though the place may refuse for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import msgspec
import pytest
from pykka import ActorRef

from actors.cluster.coordination import Membership
from actors.cluster.directory import State
from actors.data import belongings
from actors.data.ownership import Ownership
from actors.layout import Layout, directory_name
from actors.records import Leftover, Record, last_heir
from actors.replication.facts import LagDue, LeftoversDue
from actors.replication.replicas import Replicas
from actors.replication.replicator import CLEAR_UP, LAG_ROUND, Replicator
from bus.answers import ErrorAnswer
from bus.errors import BackupError
from bus.requests import DeleteInstance, RenameInstance, UndeleteInstance, UserRequest
from bus.states import Desired, Status
from tests.actors.house import House, opened
from tests.actors.test_store import record
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place as place_of
from tests.cluster.paper import ME
from tests.house.surroundings import PATIENCE, eventually


class Refusing:
    """A place that does not answer at first."""

    def __init__(self, refusals: int = 0) -> None:
        self.purged: SimpleQueue[tuple[str, int, datetime, bool]] = SimpleQueue()
        self.limits: list[tuple[datetime | None, bool]] = []
        """Of each purge, since when, and whether with files."""
        self._refusals = refusals

    def purge(
        self,
        user: str,
        epoch: int,
        at: datetime,
        *,
        again: bool = False,
        since: datetime | None = None,
        files: bool = True,
    ) -> None:
        """Refuse as often as that, and then not."""
        self.limits.append((since, files))
        self.purged.put((user, epoch, at, again))
        self._refusals -= 1
        if self._refusals >= 0:
            raise BackupError("it does not answer")

    def close(self) -> None:
        """Nothing is open."""


class Hanging(Refusing):
    """A place that says nothing before it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = threading.Event()

    def purge(self, *args: Any, **limits: Any) -> None:
        """Wait."""
        super().purge(*args, **limits)
        self._ended.wait()
        raise BackupError("it does not answer")

    def close(self) -> None:
        """Whoever waits is told that there is no answer."""
        self._ended.set()


@contextmanager
def replicator(
    house: House, place: Refusing, replicas: Based | None = None
) -> Iterator[ActorRef[Replicator]]:
    there = Based() if replicas is None else replicas
    there.place = there.glance = place
    owner = Replicator.start(house.services, cast("Replicas", there))
    owner.tell(LeftoversDue())
    try:
        yield owner
    finally:
        owner.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "dbs") as made:
        yield made


AT = datetime(2026, 11, 28, 10, tzinfo=UTC)
USERS = ("alice", "bob", "carol", "dave")
PURGE = DeleteInstance(user_id="alice", purge=True)
AFTER: dict[str, UserRequest] = {
    "undelete": UndeleteInstance(user_id="alice"),
    "rename": RenameInstance(user_id="alice", to="bob"),
    "keep": DeleteInstance(user_id="alice", purge=True, keep_backups=True),
    "purge": PURGE,
}


def leave(house: House, user_id: str, epoch: int = 3, heir: str | None = None) -> None:
    """Have the registry know that this is to be removed."""
    left = Leftover(user_id=user_id, epoch=epoch, at=AT, heir=heir)
    house.store.leave(left)
    house.store.forget(user_id)


def test_a_purge_that_the_place_refused_is_tried_again_also_by_the_next_manager(
    house: House,
) -> None:
    """About the same data and the same moment, and told so: what came after them stays."""
    asked = (directory_name("alice"), 3, AT)
    place = Refusing(refusals=2)
    with replicator(house, place):
        eventually(lambda: CLEAR_UP in house.clock.due(), "it looks now and then")
        leave(house, "alice")
        for again in (False, True):
            house.clock.advance(CLEAR_UP)
            assert place.purged.get(timeout=PATIENCE) == (*asked, again)
            eventually(lambda: CLEAR_UP in house.clock.due(), "it is to be tried again")
    house.crash()
    with replicator(house, place):
        assert place.purged.get(timeout=PATIENCE) == (*asked, True)
        eventually(lambda: house.store.leftovers() == [], "it is done")


@pytest.mark.parametrize("keep", [False, True])
def test_a_purge_notes_what_is_left_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    """Not where backups are kept, and the replica with them."""
    seen: list[list[Leftover]] = []
    destroy = belongings.destroy

    with opened(tmp_path / "dbs", replica_url=str(tmp_path / "replica")) as house:

        def seeing(layout: Layout, user_id: str, *, keep_backups: bool) -> None:
            seen.append(house.store.leftovers())
            destroy(layout, user_id, keep_backups=keep_backups)

        monkeypatch.setattr(belongings, "destroy", seeing)
        house.store.put(record(status=Status.STOPPED, desired=Desired.STOPPED))
        house.layout.backups("alice").mkdir(parents=True)
        house.ask(DeleteInstance(user_id="alice", purge=True, keep_backups=keep))
        assert house.store.get("alice") is None
        assert seen == [house.store.leftovers()]
        assert [left.user_id for left in house.store.leftovers()] == ([] if keep else ["alice"])


def test_the_replica_of_a_purge_that_was_cut_short_goes_with_the_row(house: House) -> None:
    """The row is there as long as the data are; who has come after is no reason to wait."""
    place = Refusing()
    house.store.put(record(epoch=3, created_at=AT))
    house.store.leave(Leftover(user_id="alice", epoch=3, at=AT))
    with replicator(house, place):
        eventually(lambda: CLEAR_UP in house.clock.due(), "it has looked")
        assert place.purged.empty()
        house.store.forget("alice")
        house.store.put(record(epoch=3, created_at=AT + timedelta(seconds=1)))
        house.clock.advance(CLEAR_UP)
        assert place.purged.get(timeout=PATIENCE)[0] == directory_name("alice")
        eventually(lambda: house.store.leftovers() == [], "it is done")


@contextmanager
def bench_with_alice(path: Path) -> Iterator[Bench]:
    """Make one of a cluster whose users have replicas; she is stopped."""
    with bench_of(path, replica_url=str(path / "replica")) as bench:
        row = record(status=Status.STOPPED, desired=Desired.STOPPED, incarnation=ME.incarnation)
        bench.house.store.put(msgspec.structs.replace(row, created_at=bench.house.clock.now()))
        bench.paper.put("alice", place_of(ME, state=State.STOPPED))
        bench.join()
        yield bench


def test_a_purge_that_the_hosts_know_of_is_on_record_whenever_the_manager_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends here before it hears that they do; the next one removes what is in the replica."""
    with bench_with_alice(tmp_path) as bench:
        monkeypatch.setattr(Ownership, "agreed", lambda self, error: None)
        bench.ask(PURGE)
        eventually(lambda: bench.place("alice").state is State.PURGED, "the hosts know")
        bench.restart()
        bench.join(ME.incarnation + 1)
        assert bench.house.store.get("alice") is None
        place = Refusing()
        with replicator(bench.house, place):
            assert place.purged.get(timeout=PATIENCE)[0] == directory_name("alice")
            eventually(lambda: bench.house.store.leftovers() == [], "it is done")


@pytest.mark.parametrize("then", ["undelete", "rename", "keep", "purge"])
def test_a_purge_that_comes_to_nothing_does_not_count_any_more(tmp_path: Path, then: str) -> None:
    """Once it is known that the user stays, or goes otherwise."""
    with bench_with_alice(tmp_path) as bench:
        store, requests = bench.house.store, [PURGE]
        if then == "undelete":
            requests.insert(0, DeleteInstance(user_id="alice"))
        for request in requests:
            bench.paper.away = request is PURGE
            answered = bench.ask(request)
            bench.house.settle()
            answered.answer()
        bench.paper.away = False
        assert [left.user_id for left in store.leftovers()] == ["alice"]
        bench.house.layout.backups("alice").mkdir(parents=True)
        bench.house.clock.advance(1)
        answered = bench.ask(AFTER[then])
        bench.house.settle()
        assert not isinstance(answered.answer(), ErrorAnswer)
        now = bench.house.clock.now()
        left = {"rename": [("bob", True)], "purge": [(None, True)]}.get(then, [])
        assert [(each.heir, each.at >= now) for each in store.leftovers()] == left


def test_a_purge_that_was_refused_does_not_count_once_the_user_is_claimed(tmp_path: Path) -> None:
    """After one that came true there is nobody to claim; its epoch had kept the note alive."""
    with bench_with_alice(tmp_path) as bench:
        bench.paper.away = True
        answered = bench.ask(PURGE)
        bench.house.settle()
        answered.error()
        assert [left.user_id for left in bench.house.store.leftovers()] == ["alice"]
        bench.paper.away = False
        bench.join(ME.incarnation + 1)
        eventually(lambda: bench.house.record("alice").epoch == 2, "it is claimed")
        assert bench.house.store.leftovers() == []


class Based:
    """Says whose replica has its base."""

    place: Refusing
    glance: Refusing

    def __init__(self) -> None:
        self.users: set[str] = set()

    def has_base(self, user: Record) -> bool:
        """See :class:`Replicas`."""
        return user.user_id in self.users

    def close(self) -> None:
        """Whoever waits for the place is told that there is no answer."""
        self.place.close()


def test_a_place_that_hangs_is_asked_for_one_purge_and_the_lag_is_known(house: House) -> None:
    """Be there ever so many; the next round begins a while after this one has ended."""
    place = Hanging()
    for user_id in USERS:
        leave(house, user_id)
    with replicator(house, place) as owner:
        assert place.purged.get(timeout=PATIENCE)
        for user_id in USERS:
            owner.tell(LeftoversDue(user_id=user_id))
        house.clock.advance(CLEAR_UP)
        owner.tell(LagDue())
        eventually(lambda: LAG_ROUND in house.clock.due(), "it was looked, and is again")
        assert CLEAR_UP not in house.clock.due()
        assert place.purged.empty()
        place.close()
        eventually(lambda: CLEAR_UP in house.clock.due(), "the round has ended")


def test_what_a_renamed_user_had_is_removed_once_it_has_a_replica_again(house: House) -> None:
    """Under its last name; until then it is all that there is outside of this host."""
    place, based = Refusing(), Based()
    house.store.put(record("alice", epoch=3))
    house.store.put(record("zoe"))
    for old, new in (("alice", "bob"), ("bob", "carol")):
        found = house.store.get(old)
        assert found is not None
        house.store.rename(found, new)
    with replicator(house, place, based):
        leave(house, "zoe")
        eventually(lambda: CLEAR_UP in house.clock.due(), "it looks now and then")
        house.clock.advance(CLEAR_UP)
        eventually(lambda: place.purged.qsize() == 1, "who is purged is removed")
        assert place.purged.get()[0] == directory_name("zoe")
        based.users.add("carol")
        eventually(lambda: CLEAR_UP in house.clock.due(), "it looks again")
        house.clock.advance(CLEAR_UP)
        gone = {place.purged.get(timeout=PATIENCE) for _ in range(2)}
        assert {(user, epoch, again) for user, epoch, _, again in gone} == {
            (directory_name("alice"), 3, True),
            (directory_name("bob"), 4, True),
        }
        eventually(lambda: house.store.leftovers() == [], "all is done")


def test_who_has_its_old_name_again_keeps_its_uploads(house: House) -> None:
    """They were there before it was renamed, and none of them has changed."""
    place, based = Refusing(), Based()
    house.store.put(record("alice"))
    for old, new in (("alice", "bob"), ("bob", "alice")):
        found = house.store.get(old)
        assert found is not None
        house.store.rename(found, new)
    based.users.add("alice")
    with replicator(house, place, based):
        asked = {place.purged.get(timeout=PATIENCE)[0]: limit for limit in limits_of(place, 2)}
    assert asked == {directory_name("alice"): (None, False), directory_name("bob"): (None, True)}


def limits_of(place: Refusing, count: int) -> list[tuple[datetime | None, bool]]:
    eventually(lambda: len(place.limits) == count, "they are purged")
    return place.limits


def test_a_purge_leaves_what_a_renamed_user_still_needs(house: House) -> None:
    """It had the name before, and has no replica under its new one; the epoch may be the same."""
    place, based = Refusing(), Based()
    house.store.put(record("alice"))
    found = house.store.get("alice")
    assert found is not None
    house.store.rename(found, "bob")
    renamed = house.store.leftovers()[0]
    purged = Leftover(user_id="alice", epoch=1, at=renamed.at + timedelta(seconds=1))
    house.store.leave(purged)
    with replicator(house, place, based):
        assert limits_of(place, 1) == [(renamed.at, True)]
        eventually(lambda: house.store.leftovers() == [renamed], "that is done")
        eventually(lambda: CLEAR_UP in house.clock.due(), "it looks again")
        based.users.add("bob")
        house.clock.advance(CLEAR_UP)
        assert limits_of(place, 2)[1] == (None, True)
        eventually(lambda: house.store.leftovers() == [], "all is done")


def test_the_data_of_a_renamed_user_are_followed_from_name_to_name() -> None:
    """Somebody else had the second name before, and somebody else has it now."""

    def left(user_id: str, minute: int, heir: str | None) -> Leftover:
        at = AT + timedelta(minutes=minute)
        return Leftover(user_id=user_id, epoch=1, at=at, heir=heir)

    first = left("alice", 1, "bob")
    found = [left("bob", 0, "zoe"), first, left("bob", 2, "carol"), left("bob", 3, None)]
    assert last_heir(first, found) == "carol"
    assert last_heir(first, [*found, left("carol", 4, None)]) is None


def test_what_another_host_goes_on_with_is_not_removed(tmp_path: Path) -> None:
    """It was lost before it could tell of the rename; nor is anything before it is heard."""
    place, based = Refusing(), Based()
    based.users.add("bob")
    with bench_of(tmp_path) as bench:
        for user in ("alice", "gone", "unheard"):
            bench.house.store.put(record(user))
            found = bench.house.store.get(user)
            assert found is not None
            bench.house.store.rename(found, f"{user}2")
            based.users.add(f"{user}2")
        bench.paper.put("alice", place_of(Membership(host="h2", incarnation=5, lease=2), 2))
        bench.paper.put("gone", place_of(ME, state=State.PURGED))
        bench.atlas.know(bench.paper.view())
        with replicator(bench.house, place, based):
            assert place.purged.get(timeout=PATIENCE)[0] == directory_name("gone")
            eventually(lambda: len(bench.house.store.leftovers()) == 2, "it is done")
            eventually(lambda: CLEAR_UP in bench.house.clock.due(), "it looks again")
            bench.paper.change("alice", state=State.PURGED)
            bench.atlas.know(bench.paper.view())
            bench.house.clock.advance(CLEAR_UP)
            assert place.purged.get(timeout=PATIENCE)[0] == directory_name("alice")
