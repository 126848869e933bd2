"""A host that is back with the newest data of a user whom another one restores: it has it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from actors.cluster.coordination import Membership
from actors.cluster.directory import Kept, Place
from actors.cluster.recovery import RecoveryFailed
from actors.cluster.steward import MISSING
from actors.data.particulars import Particulars
from bus.errors import Conflict, Unavailable
from bus.states import Desired, Status
from tests.actors.test_store import record
from tests.cluster.bench import bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME, Desk
from tests.house.surroundings import eventually

BACK = msgspec.structs.replace(ME, incarnation=ME.incarnation + 2)
"""The former owner, when it is back."""
OTHER = Membership(host="h2", incarnation=ME.incarnation + 1, lease=2)


@pytest.fixture
def other(tmp_path: Path, desk: Desk) -> Iterator[Desk]:
    """Return the host that is to have alice, whose owner, ``desk``, is lost with her data."""
    lie_here(desk, epoch=6)
    desk.paper.put("alice", place(ME, epoch=6))
    desk.paper.change("alice", identity="hers", durable=6)
    desk.paper.come(OTHER)
    (tmp_path / "other").mkdir()
    made = Desk(tmp_path / "other", paper=desk.paper, member=OTHER)
    made.lose("h1")
    yield made
    made.store.close()


def lie_here(desk: Desk, epoch: int) -> None:
    """Have alice's data here, of that epoch."""
    desk.store.put(record(identity="hers", incarnation=ME.incarnation, epoch=epoch))
    data = desk.layout.data("alice")
    data.mkdir()
    (data / "data.db").touch()


def come_back(desk: Desk, other: Desk) -> None:
    """Have the former owner join, and look for what is here."""
    desk.member = BACK
    desk.paper.come(BACK)
    for each in (desk, other):
        each.atlas.know(each.paper.view())
    with pytest.raises(Conflict, match="kept as they are"):
        desk.claims.acquire("alice", desk.hands)
    other.atlas.know(other.paper.view())


def told(desk: Desk) -> Place:
    return desk.paper.places["alice"].place


def brings(outcome: Path | Exception, first: Callable[[], object]) -> Callable[..., Path]:
    """Return a restore that ends so, after what happens first."""

    def restore(user_id: str, place: Place, wanted: Callable[[], bool]) -> Path:
        assert wanted()
        first()
        assert not wanted(), "it goes on for nobody"
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return restore


@pytest.mark.parametrize(
    "outcome", [Unavailable("the bucket is away"), RecoveryFailed("damaged"), Path("/a/draft")]
)
def test_whoever_is_back_with_the_newest_data_has_the_user_again(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch, outcome: Path | Exception
) -> None:
    """Whatever the other one's restore brings: it would be older, or nothing."""
    restore = brings(outcome, lambda: come_back(desk, other))
    monkeypatch.setattr(other.recovery, "restore", restore)
    with pytest.raises(Unavailable, match="sent back to h1"):
        other.claims.acquire("alice", other.hands)
    assert (told(desk).host, told(desk).target) == ("", "h1")
    assert not other.claims.acquire("alice", other.hands), "it is for h1 alone"
    assert desk.claims.acquire("alice", desk.hands)
    (order,) = desk.hands.taken
    assert (order.epoch, order.draft, desk.hands.gone) == (8, None, [])
    assert (told(desk).host, told(desk).epoch, other.hands.taken) == ("h1", 8, [])
    desk.claims.mirror("alice")
    assert (told(desk).base, told(desk).source) == (None, None)


def test_who_could_not_be_restored_is_sent_back_later(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on record of it there is forgotten first: nobody starts it there any more."""
    monkeypatch.setattr(other.recovery, "restore", lambda *_: fail("damaged"))
    assert other.claims.acquire("alice", other.hands)
    other.store.put(record(identity="hers", incarnation=OTHER.incarnation, epoch=7))
    come_back(desk, other)
    assert not other.claims.acquire("alice", other.hands)
    assert other.hands.gone == ["alice"]
    assert desk.claims.acquire("alice", desk.hands)
    assert (told(desk).host, told(desk).problem) == ("h1", None)


def fail(why: str) -> Path:
    raise RecoveryFailed(why)


def test_an_owner_who_has_data_by_then_keeps_the_user(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may run already. When that is told, what lies at the former one's is set aside."""
    monkeypatch.setattr(other.recovery, "restore", lambda *_: Path("/a/draft"))
    assert other.claims.acquire("alice", other.hands)
    lie_here(other, epoch=7)
    other.store.put(record(identity="hers", incarnation=OTHER.incarnation, epoch=7))
    come_back(desk, other)
    assert other.claims.acquire("alice", other.hands)
    other.claims.mirror("alice")
    assert (told(desk).host, told(desk).source) == ("h2", None)
    assert not desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == ["alice"]


def test_nobody_asks_for_a_user_who_was_stopped_since(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would run: what is on record here is older. When it is to run again, it is asked for."""
    monkeypatch.setattr(other.recovery, "restore", lambda *_: fail("damaged"))
    assert other.claims.acquire("alice", other.hands)
    desk.paper.change("alice", wanted=False)
    come_back(desk, other)
    assert told(desk).source is None
    desk.paper.change("alice", wanted=True)
    come_back(desk, other)
    assert told(desk).source == "h1"


def test_what_was_decided_meanwhile_comes_along(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever asked the other one; nothing here is newer."""
    monkeypatch.setattr(other.recovery, "restore", lambda *_: fail("damaged"))
    desk.store.put_metadata("alice", {"plan": "tin"})
    assert other.claims.acquire("alice", other.hands)
    what = Particulars(metadata={"plan": "gold"})
    kept = Kept.of(what, epoch=7)
    assert desk.paper.keep("alice", kept, None, desk.paper.places["alice"], OTHER)
    come_back(desk, other)
    assert not other.claims.acquire("alice", other.hands)
    assert desk.claims.acquire("alice", desk.hands)
    (order,) = desk.hands.taken
    assert order.particulars == what


def test_the_owner_looks_for_it_by_itself(tmp_path: Path) -> None:
    """It hears that the user is asked for, and nobody has to ask it."""
    with bench_of(tmp_path) as bench:
        bench.join()
        bench.paper.come(OTHER)
        bench.paper.put("alice", place(ME, epoch=7))
        bench.paper.change("alice", identity="hers", base=6, problem="damaged")
        here = record(status=Status.STOPPED, incarnation=ME.incarnation, epoch=7)
        bench.house.store.put(msgspec.structs.replace(here, desired=Desired.STOPPED))
        bench.step()
        bench.house.clock.advance(2 * MISSING)
        bench.step()
        assert bench.place("alice").host == "h1"
        bench.paper.change("alice", source="h2")
        bench.step()
        eventually(lambda: bench.place("alice").target == "h2", "it is sent back")
        assert bench.house.store.get("alice") is None
