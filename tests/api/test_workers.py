"""The threads that answer calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.workers import Workers
from tests.bus.parts import PATIENCE


class Call:
    """A task that tells on which thread it is served, and ends when it may."""

    def __init__(self, *, may_end: bool = True) -> None:
        self.begun, self.may_end, self.cancelled = (threading.Event() for _ in range(3))
        self.thread: threading.Thread | None = None
        if may_end:
            self.may_end.set()

    def stays(self) -> bool:
        return False

    def service(self) -> None:
        self.thread = threading.current_thread()
        self.begun.set()
        self.may_end.wait(PATIENCE)

    def cancel(self) -> None:
        self.cancelled.set()


class Bug(Call):
    def service(self) -> None:
        super().service()
        raise ValueError


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(2, "test")
    yield workers
    workers.shutdown()


def served(workers: Workers, call: Call) -> threading.Thread:
    """Have ``call`` served, and wait until its thread rests."""
    workers.add_task(call)
    assert call.begun.wait(PATIENCE)
    assert call.thread is not None
    while call.may_end.is_set() and not workers._idle:
        call.thread.join(0.001)
    return call.thread


def test_a_thread_is_there_only_when_it_is_needed(workers: Workers) -> None:
    """One call after the other needs one; a second at the same time, a second one."""
    before = set(threading.enumerate())
    first = served(workers, Call())
    assert served(workers, Call()) is first
    held = Call(may_end=False)
    assert served(workers, held) is first
    assert served(workers, Call()) is not first
    assert len(set(threading.enumerate()) - before) == 2
    held.may_end.set()


def test_what_is_too_much_waits_in_the_order_of_its_coming(workers: Workers) -> None:
    """And is served when a thread is free."""
    held = [Call(may_end=False), Call(may_end=False)]
    for call in held:
        served(workers, call)
    waiting = [Call(may_end=False), Call()]
    for call in waiting:
        workers.add_task(call)
    assert list(workers.queue) == waiting
    held[0].may_end.set()
    assert waiting[0].begun.wait(PATIENCE)
    assert not waiting[1].begun.is_set()
    for call in (*held, *waiting):
        call.may_end.set()
    assert waiting[1].begun.wait(PATIENCE)


def test_a_bug_costs_no_thread(workers: Workers) -> None:
    """The same thread serves the next call."""
    assert served(workers, Bug()) is served(workers, Call())


def test_a_thread_that_rests_for_long_ends(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A burst leaves nothing behind."""
    monkeypatch.setattr("api.workers.IDLE", 0.01)
    workers.add_task(call := Call())
    assert call.begun.wait(PATIENCE)
    assert call.thread is not None
    call.thread.join(PATIENCE)
    assert not call.thread.is_alive()
    assert served_again(workers)


def served_again(workers: Workers) -> bool:
    workers.add_task(call := Call())
    return call.begun.wait(PATIENCE)


def test_where_no_thread_can_be_started_another_has_the_call(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of the machine costs time, not the call, nor a thread when it is over."""
    held = Call(may_end=False)
    served(workers, held)
    waiting = Call()
    with monkeypatch.context() as limit:
        limit.setattr(threading.Thread, "start", cannot_start)
        workers.add_task(waiting)
    assert list(workers.queue) == [waiting]
    also_held = Call(may_end=False)
    served(workers, also_held)
    held.may_end.set()
    assert waiting.begun.wait(PATIENCE)
    also_held.may_end.set()


def test_where_there_is_no_thread_at_all_the_call_fails(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one is served."""
    with monkeypatch.context() as limit:
        limit.setattr(threading.Thread, "start", cannot_start)
        with pytest.raises(RuntimeError):
            workers.add_task(Call())
    assert served_again(workers)


def cannot_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_at_the_end_what_waits_is_cancelled_and_what_is_served_is_awaited(
    workers: Workers,
) -> None:
    """Nothing begins any more."""
    held = [Call(may_end=False), Call(may_end=False)]
    for call in held:
        served(workers, call)
    workers.add_task(waiting := Call())
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(workers.shutdown, timeout=PATIENCE)
        while not workers._closed:
            waiting.begun.wait(0.001)
        assert not ending.done()
        for call in held:
            call.may_end.set()
        assert ending.result(PATIENCE)
    assert waiting.cancelled.is_set()
    assert not waiting.begun.is_set()
    for call in held:
        assert call.thread is not None
        call.thread.join(PATIENCE)
        assert not call.thread.is_alive()


def test_who_does_not_end_is_not_awaited_for_ever(workers: Workers) -> None:
    """The time is up, and the end goes on."""
    served(workers, call := Call(may_end=False))
    assert not workers.shutdown(timeout=0.01)
    assert call.thread is not None
    assert call.thread.is_alive()
    call.may_end.set()
