"""Data on the way to a new name: nobody begins it with nothing, and what has come is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.cluster.coordination import Ending, Membership, SeenPlace
from actors.cluster.directory import State
from actors.cluster.duties import FIRST
from actors.cluster.gateway import Unreachable
from actors.data import belongings
from bus.errors import Conflict, InstanceIOError
from bus.requests import CloneInstance, InitInstance, RenameInstance
from bus.states import Desired, Status
from tests.actors.fakes import make_database
from tests.actors.house import Caller
from tests.actors.test_store import record
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME, Desk
from tests.house.surroundings import eventually

OTHER = Membership(host="h2", incarnation=5, lease=2)
CLONE = CloneInstance(user_id="alice", to="bob")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of(tmp_path) as made:
        made.join()
        made.run("alice")
        yield made


@pytest.fixture
def other(tmp_path: Path, bench: Bench) -> Iterator[Desk]:
    """Return what another host does, which is there, on the same paper."""
    bench.paper.come(OTHER)
    (tmp_path / "other").mkdir()
    made = Desk(tmp_path / "other", paper=bench.paper, member=OTHER)
    yield made
    made.store.close()


@pytest.fixture(autouse=True)
def copied(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> list[Callable[[], None]]:
    """Have a clone made of paper; what is in the list is done in the midst of it."""
    midst: list[Callable[[], None]] = []

    def clone(layout: object, source: str, target: str) -> str:
        for step in midst:
            step()
        make_database(bench.house.layout.data(target), file="clone.js", applied=1)
        return "clone.js@1"

    monkeypatch.setattr(belongings, "clone", clone)
    return midst


def lost_and_found(bench: Bench) -> list[Path]:
    folder = bench.house.layout.lost_and_found
    return list(folder.iterdir()) if folder.exists() else []


def test_a_new_name_is_this_hosts_before_anything_is_made(
    bench: Bench, other: Desk, copied: list[Callable[[], None]]
) -> None:
    """Another host that is asked for it in between does not begin it; then all know of it."""
    refused = []

    def ask_elsewhere() -> None:
        refused.append(not other.claims.acquire("bob", other.hands, new=True))

    copied.append(ask_elsewhere)
    assert bench.ask(CLONE).instance().user_id == "bob"
    assert refused == [True]
    told, here = bench.place("bob"), bench.house.record("bob")
    assert (told.host, told.identity, told.expected) == ("h1", "clone.js@1", None)
    assert (here.epoch, here.incarnation) == (told.epoch, ME.incarnation)


def test_nothing_is_made_for_a_name_that_another_host_has(
    bench: Bench, other: Desk, copied: list[Callable[[], None]]
) -> None:
    """Although this one has not heard of it."""
    assert other.claims.acquire("bob", other.hands, new=True)
    copied.append(pytest.fail)
    refusal = bench.ask(CLONE).error()
    assert refusal.code == Conflict.code
    assert "on host h2" in refusal.message


def test_a_name_to_which_nothing_came_is_nobodys(
    bench: Bench, other: Desk, copied: list[Callable[[], None]]
) -> None:
    """The one who asked hears why, and another host may begin it; the epoch rises."""

    def fail() -> None:
        raise InstanceIOError("no room")

    copied.append(fail)
    assert bench.ask(CLONE).error().message == "no room"
    eventually(lambda: bench.place("bob").state is State.PURGED, "it is given back")
    assert other.claims.acquire("bob", other.hands, new=True)
    assert (bench.place("bob").host, bench.place("bob").epoch) == ("h2", 2)


def test_a_name_that_is_expected_again_is_not_given_back(
    bench: Bench, copied: list[Callable[[], None]]
) -> None:
    """What was owed by a former try comes late, and data are made for the name by then."""
    states = []

    def give_back() -> None:
        bench.desk.names.give_back("bob", lambda: "bob" in bench.steward.arrivals)
        states.append(bench.place("bob").state)

    copied.append(give_back)
    assert bench.ask(CLONE).instance().user_id == "bob"
    assert states == [State.STOPPED]


def test_one_at_a_time_is_on_the_way_to_a_name(
    bench: Bench, copied: list[Callable[[], None]]
) -> None:
    """And nobody begins it here, meanwhile."""
    refused: list[str] = []

    def ask_again() -> None:
        refused.extend(
            bench.ask(each).error().code for each in (CLONE, InitInstance(user_id="bob"))
        )

    copied.append(ask_again)
    bench.ask(CLONE).instance()
    assert refused == [Conflict.code] * 2


def test_what_a_manager_left_unfinished_is_given_back(
    bench: Bench, copied: list[Callable[[], None]]
) -> None:
    """The next one knows by its registry that nothing has come."""
    bench.desk.names.expect("bob", "a clone of alice")
    bench.restart()
    bench.join(ME.incarnation + 1)
    eventually(lambda: bench.place("bob").state is State.PURGED, "it is given back")


def test_what_a_manager_had_not_told_is_told_by_the_next(bench: Bench) -> None:
    """Its data stay where they are, and are the user's."""
    bench.house.stop("alice")
    bench.house.end("alice")
    bench.desk.names.expect("bob", "alice under its new name")
    alice = bench.house.record("alice")
    belongings.rename(bench.house.layout, "alice", "bob")
    bench.house.store.rename(alice, "bob")
    bench.restart()
    bench.join(ME.incarnation + 1)
    assert (bench.place("bob").identity, bench.place("bob").expected) == (alice.identity, None)
    assert bench.house.record("bob").incarnation == ME.incarnation + 1
    assert bench.house.layout.data("bob").exists()
    assert lost_and_found(bench) == []


def test_nobody_begins_with_nothing_what_a_lost_host_was_making(bench: Bench, other: Desk) -> None:
    """It says what is wrong; when that host is back, with the data, it has the user."""
    bench.desk.names.expect("bob", "a clone of alice")
    made = record("bob", Status.STOPPED, desired=Desired.STOPPED, identity="clone.js@1")
    bench.house.store.put(made)
    bench.paper.lose("h1")
    other.lose("h1")
    assert other.claims.acquire("bob", other.hands, new=True)
    assert bench.place("bob").host == "h2"
    assert "a clone of alice was on the way" in (bench.place("bob").problem or "")

    bench.restart()
    bench.join(ME.incarnation + 1)
    eventually(lambda: bench.place("bob").host == "h1", "it is back")
    assert (bench.place("bob").identity, bench.place("bob").problem) == ("clone.js@1", None)


def test_an_older_release_does_not_begin_it_with_nothing_either(bench: Bench, other: Desk) -> None:
    """It knows nothing of what is expected, and finds that there must be a database."""
    bench.desk.names.expect("bob", "a clone of alice")
    bench.paper.change("bob", expected=None)
    other.lose("h1")
    assert other.claims.acquire("bob", other.hands, new=True)
    assert bench.place("bob").problem is not None


def test_data_that_no_other_host_knows_are_never_set_aside(tmp_path: Path) -> None:
    """Two hosts had somebody of the same name before they were one cluster."""
    desk = Desk(tmp_path)
    desk.store.put(kept := record(identity="ours"))
    desk.paper.put("alice", place(OTHER))
    desk.paper.change("alice", identity="theirs")
    for lost in (False, True):
        if lost:
            desk.lose("h2")
        with pytest.raises(Conflict, match="kept as they are"):
            desk.claims.acquire("alice", desk.hands)
        assert (desk.store.get("alice"), desk.hands.gone) == (kept, [])
    desk.store.close()


@pytest.mark.parametrize("identity", ["ours", None])
def test_a_name_that_another_host_makes_data_for_is_its(
    bench: Bench, other: Desk, identity: str | None
) -> None:
    """It lives; what lies here and was told to nobody stays where it is."""
    other.names.expect("bob", "a clone of carol")
    kept = record("bob", Status.STOPPED, desired=Desired.STOPPED, identity=identity)
    bench.house.store.put(kept)
    expected = bench.place("bob")
    assert isinstance(bench.acquire("bob"), Conflict)
    assert (bench.place("bob"), bench.house.record("bob")) == (expected, kept)


def test_a_claim_that_was_not_noted_goes_on_with_what_is_here(bench: Bench) -> None:
    """The place was told, and the registry not written: those data are the only ones."""
    bench.house.store.put(record("bob", Status.STOPPED, desired=Desired.STOPPED, identity="ours"))
    bench.house.layout.data("bob").mkdir()
    bench.paper.put("bob", place(ME, epoch=5, state=State.STOPPED))
    bench.paper.change("bob", identity="ours")
    assert bench.acquire("bob") is None
    assert bench.house.record("bob").epoch == bench.place("bob").epoch == 6
    assert bench.place("bob").problem is None
    assert lost_and_found(bench) == []


def rename(bench: Bench) -> Caller:
    bench.house.settle()
    caller = bench.ask(RenameInstance(user_id="alice", to="bob"))
    eventually(lambda: bool(bench.house.process("alice").signals), "it is to end")
    bench.house.end("alice")
    return caller


def test_the_hosts_know_a_user_by_one_of_its_names(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever this one is lost: whoever has the old name does not have the new one, too."""
    swap, known = bench.paper.swap, []

    def told(*what: Any, **more: Any) -> SeenPlace | None:
        found = swap(*what, **more)
        states = bench.place("alice").state is State.PURGED, bench.place("bob").expected is None
        known.append(states)
        return found

    monkeypatch.setattr(bench.paper, "swap", told)
    assert rename(bench).instance().user_id == "bob"
    assert (known[0], set(known)) == ((False, False), {(False, False), (True, True)})
    assert bench.house.store.departures == {}
    assert bench.atlas.place("alice") == bench.place("alice")


def test_a_name_whose_end_came_true_without_an_answer_is_free(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused on this host until it joined anew."""
    swap, lost = bench.paper.swap, list[Ending]()

    def unanswered(*what: Any, also: Ending | None = None, **more: Any) -> SeenPlace | None:
        found = swap(*what, also=also, **more)
        if also is not None and not lost:
            lost.append(also)
            raise Unreachable("the answer is lost")
        return found

    monkeypatch.setattr(bench.paper, "swap", unanswered)
    assert rename(bench).instance().user_id == "bob"
    assert [each.user_id for each in lost] == ["alice"]
    assert (bench.place("alice").state, bench.place("bob").expected) == (State.PURGED, None)
    eventually(lambda: FIRST in bench.house.clock.due(), "it is to be told again")
    bench.house.clock.advance(FIRST)
    eventually(lambda: bench.house.store.departures == {}, "it is known that it was told")
    assert bench.acquire("alice", new=True) is None


def test_a_name_that_another_host_goes_on_with_is_not_ended(bench: Bench) -> None:
    """It has taken the user since, as this one was lost; here the rename has taken place."""
    bench.paper.before_swap += [lambda: None, lambda: setattr(bench.paper, "away", True)]
    assert rename(bench).instance().user_id == "bob"
    bench.paper.change("alice", host="h2", epoch=2)
    before = bench.place("alice")
    bench.paper.away = False
    eventually(lambda: FIRST in bench.house.clock.due(), "it is to be told again")
    bench.house.clock.advance(FIRST)
    eventually(lambda: bench.place("bob").expected is None, "the new name is told")
    eventually(lambda: bench.house.store.departures == {}, "and nothing is to be told of the other")
    assert bench.place("alice") == before


def test_a_rename_is_told_at_both_names(bench: Bench, other: Desk) -> None:
    """The new one is the user's, the old one anybody's."""
    assert rename(bench).instance().user_id == "bob"
    assert bench.place("bob").host == "h1"
    eventually(lambda: bench.place("alice").state is State.PURGED, "it is told")
    assert other.claims.acquire("alice", other.hands, new=True)
