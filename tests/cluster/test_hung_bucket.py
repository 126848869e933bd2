"""A bucket that hangs: who waits for it holds up nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import cast

import pytest

from actors.cluster.coordination import Membership
from actors.cluster.directory import State
from actors.cluster.jobs import LOOKS
from actors.cluster.mover import Mover, Moves
from actors.cluster.recovery import Drill, RecoveryFailed
from actors.facts import Asked
from actors.records import Record
from actors.replication.place import Place as ReplicaPlace
from bus.answers import Answer, MovesAnswer
from bus.errors import BackupError, Unavailable
from bus.requests import DrainHost, VerifyReplica
from bus.states import Status
from tests.actors.test_store import record
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME
from tests.house.surroundings import PATIENCE

LOST = Membership(host="h2", incarnation=5, lease=2)


class Hanging:
    """What asks a bucket, and is not answered before :meth:`answer`."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[str] = SimpleQueue()
        self._answered = threading.Event()

    def answer(self) -> None:
        self._answered.set()

    def restore(self, user_id: str, *_: object) -> Path:
        """Stand in for a restore."""
        self.asked.put(user_id)
        self._answered.wait()
        raise Unavailable("it was given up")

    def has_base(self, record: Record) -> bool:
        """Stand in for a look whether a base has arrived."""
        self.asked.put(record.user_id)
        self._answered.wait()
        raise BackupError("it does not answer")

    def drill(self, user_id: str, *_: object) -> Drill:
        """Stand in for a trial restore."""
        self.asked.put(user_id)
        self._answered.wait()
        raise RecoveryFailed("the bucket is empty")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.answer()


@pytest.fixture
def bench(tmp_path: Path, hanging: Hanging) -> Iterator[Bench]:
    """Return one whose restores all wait, of users of a host that is lost."""
    with bench_of(tmp_path) as made:
        made.join()
        made.run("alice")
        made.desk.recovery.restore = hanging.restore  # type: ignore[method-assign, assignment]
        for user_id in ("lost1", "lost2", "lost3"):
            made.paper.put(user_id, place(LOST, state=State.RUNNING))
            made.paper.change(user_id, identity="its", durable=1)
        made.desk.lose("h2")
        made.step()
        restored = {hanging.asked.get(timeout=PATIENCE) for _ in range(2)}
        assert restored < {"lost1", "lost2", "lost3"}, "there are as many threads for restores"
        yield made
        hanging.answer()


def test_restores_that_hang_hold_up_nobody_else(bench: Bench) -> None:
    """A new user is had, a stop is told, and a host that joins anew has its own at once."""
    assert bench.acquire("bob", new=True) is None
    bench.stop("alice")
    bench.join(ME.incarnation + 1)
    assert (bench.place("alice").incarnation, bench.place("alice").epoch) == (8, 2)
    assert bench.steward.ready == bench.desk.member


def test_who_waits_for_its_base_holds_up_nobody_else(bench: Bench, hanging: Hanging) -> None:
    """Be there ever so many of them."""
    bench.desk.replicas.has_base = hanging.has_base  # type: ignore[method-assign]
    begun = record("carol", Status.STARTING, incarnation=ME.incarnation, run=1)
    bench.house.store.put(begun)
    assert bench.house.tenancy is not None
    for _ in range(LOOKS + 1):
        bench.house.tenancy.confirm(begun, 9001, "its", lambda error: None)
    assert len([hanging.asked.get(timeout=PATIENCE) for _ in range(LOOKS)]) == LOOKS
    bench.house.store.forget("carol")
    assert bench.acquire("bob", new=True) is None
    bench.stop("alice")


@pytest.fixture
def moves(bench: Bench, hanging: Hanging) -> Iterator[Moves]:
    made = Moves(
        bench.house.services,
        bench.atlas,
        bench.handover,
        bench.steward,
        bench.desk.recovery,
        bench.desk.replicas,
        cast("ReplicaPlace", None),
    )
    yield made
    hanging.answer()
    made.close()


def test_a_trial_restore_that_hangs_holds_up_no_move(
    bench: Bench, hanging: Hanging, moves: Moves
) -> None:
    """Nor do several."""
    bench.desk.recovery.drill = hanging.drill  # type: ignore[method-assign, assignment]
    mover = Mover.start(moves, lambda draining: None)
    answers: SimpleQueue[Answer] = SimpleQueue()
    for _ in range(3):
        drill = VerifyReplica(user_id="alice")
        mover.tell(Asked(request=drill, reply=lambda answer: None))
    assert hanging.asked.get(timeout=PATIENCE) == "alice"
    mover.tell(Asked(request=DrainHost(host="h1", off=True), reply=answers.put))
    assert isinstance(answers.get(timeout=PATIENCE), MovesAnswer)
    mover.stop()


def test_nobody_is_stopped_for_a_move_while_the_bucket_is_away(bench: Bench, moves: Moves) -> None:
    """It is asked first, and nothing was begun."""

    def away() -> None:
        raise BackupError("it does not answer")

    bench.desk.replicas.check_place = away  # type: ignore[method-assign]
    bench.paper.come(Membership(host="h3", incarnation=6, lease=3))
    bench.step()
    with pytest.raises(Unavailable, match="being brought"):
        moves.move("lost1", "h3")  # it is restored here just now
    before = bench.place("alice")
    with pytest.raises(BackupError):
        moves.move("alice", "h3")
    assert bench.place("alice") == before
    assert bench.house.alive() == 1
