"""Actors that share threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType

import pykka
import pytest

from actors.pooled import PooledActor, Turns
from tests.actors.fakes import PATIENCE


class Reader(PooledActor):
    """Remembers what it read, and on which thread."""

    def __init__(self, turns: Turns, read: SimpleQueue[object], gate: threading.Event) -> None:
        super().__init__(turns)
        self._read = read
        self._gate = gate
        self._reading = threading.Lock()

    def on_start(self) -> None:
        self._read.put("started")

    def on_receive(self, message: object) -> object:
        assert self._reading.acquire(blocking=False), "two threads read at the same time"
        try:
            assert self._gate.wait(PATIENCE)
            if isinstance(message, Exception):
                raise message
            self._read.put(message)
            return threading.current_thread().name
        finally:
            self._reading.release()

    def on_stop(self) -> None:
        self._read.put("stopped")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._read.put("failed")


@pytest.fixture
def turns() -> Iterator[Turns]:
    turns = Turns(2)
    yield turns
    turns.close()


@pytest.fixture
def gate() -> threading.Event:
    """Open; while it is closed, nobody comes to the end of a message."""
    gate = threading.Event()
    gate.set()
    return gate


def taken(read: SimpleQueue[object], count: int) -> list[object]:
    return [read.get(timeout=PATIENCE) for _ in range(count)]


def test_messages_are_read_in_their_order(turns: Turns, gate: threading.Event) -> None:
    """As Pykka's own actors do: it starts, reads one after another, and stops."""
    read: SimpleQueue[object] = SimpleQueue()
    actor = Reader.start(turns, read, gate)
    for number in range(100):
        actor.tell(number)
    assert actor.stop()
    assert taken(read, 102) == ["started", *range(100), "stopped"]
    with pytest.raises(pykka.ActorDeadError):
        actor.tell("late")


def test_one_at_a_time_however_many_tell(turns: Turns, gate: threading.Event) -> None:
    """Nothing is lost, and each teller's own order is kept, between rest and work."""
    read: SimpleQueue[object] = SimpleQueue()
    actor = Reader.start(turns, read, gate)

    def tell(teller: int) -> None:
        for number in range(200):
            actor.tell((teller, number))
            if number % 20 == 0:
                actor.ask((teller, "a rest"), timeout=PATIENCE)

    with ThreadPoolExecutor(4) as tellers:
        list(tellers.map(tell, range(4)))
    actor.stop()
    found = [each for each in taken(read, 842) if isinstance(each, tuple) and each[1] != "a rest"]
    for teller in range(4):
        assert [number for who, number in found if who == teller] == list(range(200))


def test_a_thousand_that_rest_have_no_thread(turns: Turns, gate: threading.Event) -> None:
    """They are answered by the threads that they share."""
    before = set(threading.enumerate())
    actors = [Reader.start(turns, SimpleQueue(), gate) for _ in range(1000)]
    names = {actor.ask("who?", timeout=PATIENCE) for actor in actors}
    assert len(set(threading.enumerate()) - before) <= 2
    assert names <= {"turn_0", "turn_1"}
    for actor in actors:
        actor.stop(block=False)


def test_who_waits_keeps_nobody_from_reading(turns: Turns, gate: threading.Event) -> None:
    """A slow one has one of the threads only."""
    gate.clear()
    opened = threading.Event()
    opened.set()
    slow, quick = SimpleQueue[object](), SimpleQueue[object]()
    slow_one = Reader.start(turns, slow, gate)
    quick_one = Reader.start(turns, quick, opened)
    slow_one.tell("slow")
    quick_one.ask("quick", timeout=PATIENCE)
    assert taken(quick, 2) == ["started", "quick"]
    gate.set()
    assert taken(slow, 2) == ["started", "slow"]
    for actor in (slow_one, quick_one):
        actor.stop()


def test_a_bug_ends_the_actor_alone(turns: Turns, gate: threading.Event) -> None:
    """It is told of its failure, the other reads on, and whoever asks is told that it is dead."""
    read: SimpleQueue[object] = SimpleQueue()
    failing, other = Reader.start(turns, read, gate), Reader.start(turns, SimpleQueue(), gate)
    failing.tell(ValueError("a bug"))
    assert taken(read, 2) == ["started", "failed"]
    with pytest.raises(pykka.ActorDeadError):
        failing.ask("still there?", timeout=PATIENCE)
    other.ask("and you?", timeout=PATIENCE)
    other.stop()


def test_one_thread_is_there_when_the_system_gives_no_more(
    turns: Turns, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes while no thread can be started is read by those that there are."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    actor = Reader.start(turns, SimpleQueue(), gate)
    assert actor.ask("who?", timeout=PATIENCE) == "turn_0"
    actor.stop()


def test_without_threads_nothing_is_read(gate: threading.Event) -> None:
    """Who is told something at the very end does not fail by it."""
    turns = Turns(1)
    read: SimpleQueue[object] = SimpleQueue()
    actor = Reader.start(turns, read, gate)
    assert taken(read, 1) == ["started"]
    turns.close()
    actor.tell("late")
    assert read.empty()
    pykka.ActorRegistry.unregister(actor)


def test_who_asks_an_actor_that_ends_just_then_is_refused(
    turns: Turns, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was seen alive, and has read the last of its inbox by the time that this comes."""
    reader = Reader.start(turns, SimpleQueue(), gate)
    reader.stop()
    monkeypatch.setattr(reader, "is_alive", lambda: True)
    for message in ("hello", "again"):
        with pytest.raises(pykka.ActorDeadError):
            reader.ask(message, timeout=PATIENCE)
