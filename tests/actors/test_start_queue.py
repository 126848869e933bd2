"""How many instances start at once, and who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.start_queue import StartQueue
from bus.errors import TooManyStarts


class Door:
    """A queue, and a list of those who were let in."""

    def __init__(self, slots: int, longest: int) -> None:
        self.queue = StartQueue(slots, longest=longest)
        self.granted: list[str] = []

    def join(self, *user_ids: str, forced: bool = False) -> list[bool]:
        """Let users join, one after the other; tell who could go on at once."""
        return [self.queue.join(user, self._grant(user), forced=forced) for user in user_ids]

    def _grant(self, user_id: str) -> Callable[[], None]:
        return lambda: self.granted.append(user_id)


def test_as_many_start_at_once_as_there_are_slots() -> None:
    """The first two of three go on at once."""
    door = Door(2, longest=5)
    assert door.join("a", "b", "c") == [True, True, False]
    assert door.granted == ["a", "b"]


def test_the_others_follow_in_their_order() -> None:
    """Each that leaves lets in the one that has waited longest."""
    door = Door(1, longest=5)
    door.join("a", "b", "c", "d")
    for leaving in ("a", "b", "c"):
        door.queue.leave(leaving)
    assert door.granted == ["a", "b", "c", "d"]


def test_a_full_queue_refuses() -> None:
    """Beyond the longest queue a start is refused, with a time to try again."""
    door = Door(1, longest=1)
    door.join("a", "b")
    with pytest.raises(TooManyStarts, match=r"^Too many .* starting: 1, and 1 wait") as e:
        door.join("c")
    assert e.value.retry_after == 1


def test_who_was_refused_is_not_in_the_queue() -> None:
    """A refusal changes nothing."""
    door = Door(1, longest=1)
    door.join("a", "b")
    with pytest.raises(TooManyStarts):
        door.join("c")
    door.queue.leave("a")
    door.queue.leave("b")
    assert door.granted == ["a", "b"]
    assert door.join("d") == [True]


def test_the_managers_own_starts_are_never_refused() -> None:
    """A forced start waits however long the queue is."""
    door = Door(1, longest=1)
    door.join("a", "b")
    door.join("c", "d", forced=True)
    for leaving in ("a", "b", "c"):
        door.queue.leave(leaving)
    assert door.granted == ["a", "b", "c", "d"]


def test_who_leaves_while_waiting_is_not_let_in() -> None:
    """A start that is not wanted any more makes room for the next."""
    door = Door(1, longest=5)
    door.join("a", "b", "c")
    door.queue.leave("b")
    door.queue.leave("a")
    assert door.granted == ["a", "c"]


def test_leaving_twice_frees_one_slot() -> None:
    """A slot is given back once."""
    door = Door(1, longest=5)
    door.join("a", "b", "c")
    for _ in range(2):
        door.queue.leave("a")
    assert door.granted == ["a", "b"]


def test_leaving_without_having_joined_is_harmless() -> None:
    """Who never was here frees no slot."""
    door = Door(1, longest=5)
    door.join("a", "b")
    door.queue.leave("stranger")
    assert door.granted == ["a"]


def test_a_grant_may_use_the_queue() -> None:
    """Whoever is let in may leave in the same breath."""
    queue = StartQueue(1, longest=5)
    granted: list[str] = []

    def enter(user_id: str) -> None:
        granted.append(user_id)
        queue.leave(user_id)

    for user in ("a", "b"):
        queue.join(user, lambda user=user: enter(user))  # type: ignore[misc]
    assert granted == ["a", "b"]


def test_its_lengths_are_told() -> None:
    """Who starts and who waits is counted apart."""
    queue = StartQueue(2, longest=5)
    for user in ("a", "b", "c"):
        queue.join(user, lambda: None)
    assert queue.lengths() == (2, 1)
    queue.leave("a")
    assert queue.lengths() == (2, 0)
    queue.leave("b")
    assert queue.lengths() == (1, 0)


def test_many_threads_never_hold_more_than_the_slots() -> None:
    """However many threads join and leave, no more than the slots are in, and all get in."""
    slots, users = 3, 300
    queue = StartQueue(slots, longest=users)
    lock = threading.Lock()
    inside: set[str] = set()
    most = 0

    def start(number: int) -> None:
        nonlocal most
        user, granted = f"user{number}", threading.Event()
        queue.join(user, granted.set)
        assert granted.wait(20)
        with lock:
            inside.add(user)
            most = max(most, len(inside))
        with lock:
            inside.remove(user)
        queue.leave(user)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(start, range(users)))
    assert 1 <= most <= slots
    assert queue.join("last", lambda: None)
