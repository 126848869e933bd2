"""A host that joins, is lost, or ends, while somebody is being restored: nobody waits for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import msgspec
import pytest

from actors.cluster import steward
from actors.cluster.hands import LiveHands
from actors.cluster.recovery import Recovery
from actors.data.orders import TakeUser
from actors.process import run_program
from bus.errors import PblmError, Unavailable
from bus.states import Desired, Status
from tests.actors.fakes import make_database
from tests.actors.test_store import record
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME, Desk
from tests.house.surroundings import PATIENCE, eventually

FORMER = msgspec.structs.replace(ME, incarnation=ME.incarnation - 1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of(tmp_path) as made:
        yield made


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have restores take until it is set."""
    go_on = threading.Event()

    def restore(self: Recovery, user_id: str, *_: object) -> Path:
        assert go_on.wait(PATIENCE)
        draft = self._draft(user_id)
        make_database(draft, file="it.js", applied=1)
        return draft

    monkeypatch.setattr(Recovery, "restore", restore)
    monkeypatch.setattr(steward, "SETTLING", 0.3)
    yield go_on
    go_on.set()


def here(bench: Bench, user_id: str, *, epoch: int) -> None:
    """Have somebody here whom this host had at its last membership, and of whom it has a row."""
    bench.house.store.put(
        record(
            user_id,
            Status.STOPPED,
            desired=Desired.STOPPED,
            identity="it.js@1",
            incarnation=FORMER.incarnation,
        )
    )
    bench.paper.put(user_id, place(FORMER, epoch=epoch))
    bench.paper.change(user_id, identity="it.js@1", durable=1)


def test_a_join_does_not_wait_for_a_restore(bench: Bench, slow: threading.Event) -> None:
    """Whose data are here is served; the other one follows, by its actor, when it is restored."""
    here(bench, "alice", epoch=3)
    here(bench, "bob", epoch=1)
    bench.join()
    assert bench.steward.ready is not None
    assert bench.house.record("bob").incarnation == ME.incarnation
    assert isinstance(bench.acquire("alice"), Unavailable)
    slow.set()
    eventually(lambda: bench.place("alice").epoch == 4, "it has claimed the user")
    eventually(lambda: bench.place("alice").base is None, "it has told that it has the data")
    assert bench.house.record("alice").epoch == 4


def test_a_restore_of_a_former_membership_is_not_finished(
    bench: Bench, slow: threading.Event
) -> None:
    """The host has joined anew meanwhile: what comes of it then is nobody's."""
    here(bench, "alice", epoch=3)
    bench.join()
    eventually(lambda: bench.place("alice").epoch == 4, "it is claimed, and being restored")
    bench.join(ME.incarnation + 1)
    assert bench.steward.ready is not None
    slow.set()
    eventually(lambda: bench.acquire("alice") is None, "it is claimed anew")
    told = bench.place("alice")
    assert (told.incarnation, told.epoch) == (ME.incarnation + 1, 5)
    assert bench.house.record("alice").epoch == 5


def test_a_restore_is_given_up_with_its_membership(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again and again whether it is wanted."""
    desk = Desk(tmp_path)
    asked: list[bool] = []

    def restore(_: Recovery, user_id: str, place: object, wanted: Callable[[], bool]) -> Path:
        asked.append(wanted())
        desk.member = None
        asked.append(wanted())
        return tmp_path

    monkeypatch.setattr(Recovery, "restore", restore)
    desk.paper.put("alice", place(FORMER, epoch=3))
    desk.paper.change("alice", identity="hers", durable=1)
    with pytest.raises(Unavailable, match="was lost"):
        desk.claims.acquire("alice", desk.hands)
    assert (asked, desk.hands.taken) == ([True, False], [])
    desk.store.close()


def test_a_program_that_is_not_wanted_is_killed() -> None:
    """Soon, whatever it does."""
    with pytest.raises(InterruptedError):
        run_program(["/bin/sleep", "60"], env=None, timeout=60, wanted=lambda: False)


def test_the_end_does_not_wait_for_an_actor() -> None:
    """That has ended, too, and never answers."""
    hands, refused = LiveHands(lambda order, reply: None), SimpleQueue[PblmError]()

    def take() -> None:
        try:
            hands.take(TakeUser(user_id="alice", epoch=1, incarnation=1, reason=""))
        except PblmError as error:
            refused.put(error)

    thread = threading.Thread(target=take)
    thread.start()
    hands.close()
    assert isinstance(refused.get(timeout=5), Unavailable)
    thread.join()
