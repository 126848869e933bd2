"""What is owed to the agreement of the hosts is told in the end, whatever stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from actors.clock import FakeClock
from actors.cluster.directory import State
from actors.cluster.duties import FIRST, LONGEST, Duties
from actors.cluster.gateway import Unreachable
from actors.cluster.hands import Hands
from actors.cluster.jobs import Jobs
from actors.data import ownership, swap
from bus.causes import Cause
from bus.errors import InstanceIOError, InternalError
from bus.requests import StopInstance
from bus.states import Desired, Status
from tests.actors.test_store import record
from tests.cluster.bench import Bench, bench_of
from tests.cluster.hosts import place
from tests.cluster.paper import ME, Desk
from tests.house.surroundings import PATIENCE, eventually


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of(tmp_path) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def duties(clock: FakeClock) -> Iterator[Duties]:
    jobs = Jobs(clock, 1)
    yield Duties(jobs)
    jobs.close()


def test_a_duty_is_tried_until_it_is_done(duties: Duties, clock: FakeClock) -> None:
    """More and more slowly, whatever is raised: an etcd that is away, a place, a bug."""
    tried: SimpleQueue[int] = SimpleQueue()
    failures = [Unreachable("away"), *[RuntimeError("a bug")] * 6]
    times = len(failures)

    def work() -> None:
        tried.put(len(failures))
        if failures:
            raise failures.pop(0)

    duties.owe("alice", work)
    pause = FIRST
    for left in range(times, 0, -1):
        assert tried.get(timeout=PATIENCE) == left
        eventually(lambda: bool(clock.due()), "it is to be tried again")
        assert clock.due() == [pause]
        clock.advance(pause)
        pause = min(2 * pause, LONGEST)
    assert tried.get(timeout=PATIENCE) == 0
    assert clock.due() == []


def test_what_is_owed_again_meanwhile_is_done_after_it(duties: Duties) -> None:
    """One at a time: what was looked at by the first is old by then."""
    told: SimpleQueue[str] = SimpleQueue()

    def first() -> None:
        duties.owe("alice", lambda: told.put("second"))
        told.put("first")

    duties.owe("alice", first)
    assert [told.get(timeout=PATIENCE), told.get(timeout=PATIENCE)] == ["first", "second"]


def test_that_a_user_was_stopped_is_told_though_the_place_has_changed(desk: Desk) -> None:
    """Somebody was faster, with something else: it is read again, and both are told."""
    desk.paper.put("alice", place(ME, state=State.RUNNING))
    stopped = record(status=Status.STOPPED, desired=Desired.STOPPED, incarnation=ME.incarnation)
    desk.store.put(stopped)
    desk.paper.before_swap.append(lambda: desk.paper.change("alice", durable=1))
    desk.claims.mirror("alice")
    told = desk.paper.places["alice"].place
    assert (told.state, told.wanted, told.durable) == (State.STOPPED, False, 1)


def test_what_could_not_be_told_is_told_at_the_next_join(desk: Desk) -> None:
    """The registry knows: whoever was stopped is not started by those who come after this host."""
    former = place(ME, state=State.RUNNING)
    desk.paper.put("alice", former)
    desk.paper.change("alice", incarnation=ME.incarnation - 1)
    stopped = record(status=Status.STOPPED, desired=Desired.STOPPED, incarnation=ME.incarnation - 1)
    desk.store.put(stopped)
    assert desk.claims.acquire("alice", desk.hands)
    told = desk.paper.places["alice"].place
    assert (told.incarnation, told.state, told.wanted) == (ME.incarnation, State.STOPPED, False)


def test_that_somebody_is_not_to_run_is_told_who_stood_still(bench: Bench) -> None:
    """Nothing happens to it here, and nobody else starts it when this host is lost."""
    bench.join()
    assert bench.acquire("alice", new=True) is None
    assert bench.place("alice").wanted
    assert bench.ask(StopInstance(user_id="alice")).instance().status is Status.STOPPED
    eventually(lambda: not bench.place("alice").wanted, "it is told")
    assert bench.place("alice").state is State.STOPPED


@pytest.mark.parametrize("error", [InstanceIOError("no room"), OSError("no such disk")])
def test_a_user_with_whom_something_is_wrong_holds_up_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Neither what a former manager left half done, nor a bug: the host serves all others."""

    def refuse(*_: object) -> None:
        raise error

    def acquire(user_id: str, hands: Hands, **how: Any) -> bool:
        if user_id == "buggy":
            raise RuntimeError("a bug")
        return claim(user_id, hands, **how)

    claim = bench.claims.acquire
    monkeypatch.setattr(bench.claims, "acquire", acquire)
    monkeypatch.setattr(ownership, "finish_rename", refuse)
    monkeypatch.setattr(swap, "finish_swap", refuse)
    for user in ("alice", "buggy", "zoe"):
        bench.house.store.put(record(user, Status.STOPPED, desired=Desired.STOPPED))
    bench.house.store.put(record("half", Status.STOPPED, renaming_to="other"))
    bench.house.layout.swap("zoe").mkdir(parents=True)
    bench.join()
    assert bench.steward.ready == ME
    assert bench.steward.begun
    for user in ("alice", "zoe"):
        assert bench.place(user).host == "h1"
    bench.run("alice")


def test_a_bug_in_a_claim_is_answered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: whoever asked does not wait until they give up; and the next one is served."""
    bench.join()

    def bug(*_: object, **__: object) -> bool:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(bench.claims, "acquire", bug)
        assert isinstance(bench.acquire("alice", new=True), InternalError)
    assert bench.acquire("alice", new=True) is None
    assert bench.place("alice").host == "h1"


def test_a_stop_is_told_when_etcd_answers_again(bench: Bench) -> None:
    """Nobody has to ask again for that."""
    bench.join()
    assert bench.acquire("alice", new=True) is None
    bench.paper.change("alice", state=State.RUNNING, wanted=True)
    bench.house.stop()
    bench.paper.away = True
    bench.steward.mirror("alice")
    eventually(lambda: FIRST in bench.house.clock.due(), "it is to be tried again")
    bench.paper.away = False
    bench.house.clock.advance(FIRST)
    eventually(lambda: bench.place("alice").state is State.STOPPED, "it is told")
    assert not bench.place("alice").wanted


def test_a_restart_that_the_host_may_not_make_is_one(bench: Bench) -> None:
    """However often it is tried until etcd is back."""
    bench.join()
    bench.run("alice")
    bench.fence.shut()
    bench.house.end("alice", code=-9)
    bench.house.advance(5)
    failure = bench.house.record("alice").failure
    assert failure is not None
    assert failure.cause is Cause.NOT_OWNER
    bench.fence.open(ME.incarnation, until=1.0)
    bench.run("alice")
    assert bench.house.record("alice").restarts == 1


def test_who_is_on_the_way_is_not_taken_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing stands in its way: the log warns of nobody who is just being brought here."""
    bench.join()
    bench.run("alice")
    bench.stop("alice")
    with bench.jobs.alone("alice"):
        bench.steward._take("alice")
    assert "being brought" not in caplog.text
