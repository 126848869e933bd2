"""What becomes of a user whose move does not get far, and of one who was deleted and is claimed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from actors.cluster.coordination import Membership
from actors.cluster.directory import Place, State
from actors.cluster.duties import FIRST
from actors.cluster.gateway import Unreachable
from actors.cluster.hands import EarlyHands
from actors.cluster.mover import Moves
from actors.cluster.placing import claimed_by
from actors.cluster.recovery import Recovery
from actors.data.orders import Order, TakeUser
from actors.replication.place import Place as ReplicaPlace
from bus.answers import InstanceAnswer
from bus.errors import Conflict, Unavailable
from bus.states import Desired, Status
from tests.actors.test_store import record
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME, Desk
from tests.house.surroundings import eventually

OTHER = Membership(host="h2", incarnation=5, lease=2)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of(tmp_path) as made:
        made.paper.come(OTHER)
        made.join()
        yield made


@pytest.fixture
def moves(bench: Bench) -> Iterator[Moves]:
    made = Moves(
        bench.house.services,
        bench.atlas,
        bench.handover,
        bench.steward,
        cast("Recovery", None),
        bench.desk.replicas,
        cast("ReplicaPlace", None),
    )
    yield made
    made.close()


def test_a_move_whose_beginning_was_not_answered_is_taken_back(
    bench: Bench, moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came true; the user was never stopped, and is told to be where it runs."""
    bench.run("alice")
    before, swap = bench.place("alice"), bench.paper.swap
    assert before.state is State.RUNNING

    def unanswered(*args: Any, **fields: Any) -> None:
        monkeypatch.setattr(bench.paper, "swap", swap)
        swap(*args, **fields)
        raise Unreachable("the answer is lost")

    monkeypatch.setattr(bench.paper, "swap", unanswered)
    with pytest.raises(Unreachable):
        moves.move("alice", "h2")
    eventually(lambda: bench.place("alice") == before, "it is as it was")


@pytest.fixture
def moved(bench: Bench, moves: Moves, monkeypatch: pytest.MonkeyPatch) -> Moves:
    """Moves of alice, who runs: her process is of paper, and there is nothing to copy."""

    def carry_out(order: Order) -> None:
        answer = bench.order(order)
        bench.house.settle()
        if bench.house.alive():
            bench.house.end("alice")
        assert isinstance(answer.answer(), InstanceAnswer)

    bench.run("alice")
    monkeypatch.setattr(moves, "_carry_out", carry_out)
    monkeypatch.setattr(moves, "_settled", lambda user_id, place: (None, 0))
    return moves


@pytest.mark.parametrize("target", ["h2", "h3"])
def test_a_move_that_fails_does_not_take_back_what_an_earlier_one_owes(
    bench: Bench, moved: Moves, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """A drain and a rebalance, etcd away at bad moments: it stayed stopped, or moving, for ever."""
    bench.paper.come(msgspec.structs.replace(OTHER, host="h3", incarnation=6))
    bench.step()

    def go_away(*_: object) -> tuple[None, int]:
        bench.paper.away = True
        return None, 0

    monkeypatch.setattr(moved, "_settled", go_away)
    with pytest.raises(Unreachable):
        moved.move("alice", "h2")
    eventually(lambda: FIRST in bench.house.clock.due(), "it is to be tried again")
    bench.paper.away = False
    monkeypatch.setattr(moved._replicas, "check_place", go_away)
    with pytest.raises((Unreachable, Unavailable)):
        moved.move("alice", target)
    bench.paper.away = False
    bench.house.clock.advance(FIRST)
    eventually(lambda: bench.house.alive() == 1, "it runs again")
    assert bench.place("alice").host == "h1"
    assert bench.place("alice").state is not State.MOVING


def test_who_is_moved_is_not_asked_back(
    bench: Bench, moved: Moves, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its target has claimed it, and is about to take what it has had from here."""

    def arrive(user_id: str, target: str) -> Place:
        bench.paper.put(user_id, claimed_by(bench.place(user_id), OTHER))
        bench.step()
        eventually(lambda: user_id not in bench.jobs, "this host has looked")
        return bench.place(user_id)

    monkeypatch.setattr(moved, "_await_arrival", arrive)
    monkeypatch.setattr(moved, "_await_run", lambda user_id, target: bench.place(user_id))
    moved.move("alice", "h2")
    assert bench.place("alice").source is None
    assert "not taken" not in caplog.text


def test_who_was_to_run_before_a_failed_move_is_on_record_so(desk: Desk) -> None:
    """Whatever becomes of its start."""
    desk.paper.put("alice", place(ME, state=State.MOVING))
    desk.paper.change("alice", target="h2")
    desk.store.put(record(status=Status.STOPPED, incarnation=ME.incarnation))
    assert desk.handover.stay("alice", "h2", desk.hands, resume=True)
    assert desk.hands.taken[-1].resume
    assert desk.paper.places["alice"].place.state is State.RESTORING


@pytest.mark.parametrize("early", [False, True])
def test_what_was_brought_for_somebody_who_is_here_by_now_is_refused(
    bench: Bench, *, early: bool
) -> None:
    """It was dropped without a word, and what is here was taken for it, under the new epoch."""
    bench.run("alice")
    before = bench.house.record("alice")
    brought = TakeUser(
        user_id="alice", epoch=2, incarnation=ME.incarnation, reason="restored", draft="/nowhere"
    )
    hands = EarlyHands(bench.house.services) if early else bench.steward.hands
    with pytest.raises(Conflict, match="kept as they are"):
        hands.take(brought)
    assert bench.house.record("alice") == before


def test_a_deleted_user_who_is_claimed_is_one_at_once(bench: Bench) -> None:
    """Whoever hears of it, and tells the other hosts what is on record, finds that."""
    heard, at = [], datetime(2026, 11, 28, tzinfo=UTC)
    services = bench.house.services
    bench.house.hear = lambda event: heard.append(services.store.get("alice"))
    order = TakeUser(
        user_id="alice", epoch=2, incarnation=ME.incarnation, reason="claimed", deleted_at=at
    )
    EarlyHands(services).take(order)
    eventually(lambda: bool(heard), "it is told")
    assert [row and row.deleted_at for row in heard] == [at]


@pytest.mark.parametrize(
    ("status", "desired", "arrives"),
    [
        (Status.HIBERNATED, Desired.RUNNING, (State.STOPPED, True, True)),
        (Status.STOPPED, Desired.STOPPED, (State.STOPPED, False, False)),
        (Status.RUNNING, Desired.RUNNING, (State.RESTORING, True, False)),
    ],
)
def test_a_user_arrives_as_it_was(
    desk: Desk, status: Status, desired: Desired, arrives: tuple[State, bool, bool]
) -> None:
    """Who slept sleeps on, who was stopped is, and who ran is started."""
    was = place(ME, state=State.RUNNING if status is Status.RUNNING else State.STOPPED)
    desk.paper.put("alice", msgspec.structs.replace(was, wanted=desired is Desired.RUNNING))
    here = record(status=status, desired=desired, incarnation=ME.incarnation)
    desk.store.put(here)
    desk.handover.begin("alice", "h2")
    desk.store.put(record(status=Status.STOPPED, desired=desired, incarnation=ME.incarnation))
    desk.claims.mirror("alice")  # it stands still for the move
    desk.handover.hand_over("alice", "h2", None, 0)
    desk.paper.come(OTHER)
    (path := desk.layout.root / "other").mkdir()
    other = Desk(path, paper=desk.paper, member=OTHER)
    assert other.claims.acquire("alice", other.hands)
    (order,) = other.hands.taken
    there = desk.paper.places["alice"].place
    assert (there.state, order.wanted, order.asleep) == arrives
    other.store.close()


def test_who_comes_asleep_sleeps_on(bench: Bench) -> None:
    """The hosts know it so, and nobody starts it before it is asked for."""
    bench.paper.put("alice", place(ME, epoch=2, state=State.STOPPED))
    bench.paper.change("alice", asleep=True)
    order = TakeUser(
        user_id="alice", epoch=2, incarnation=ME.incarnation, reason="moved", asleep=True
    )
    assert bench.order(order).instance().status is Status.HIBERNATED
    eventually(lambda: bench.place("alice").base is None, "it is told")
    assert (bench.place("alice").asleep, bench.place("alice").state) == (True, State.STOPPED)
    bench.step()
    assert bench.house.alive() == 0
    bench.run("alice")
    assert not bench.place("alice").asleep
