"""The thread that hears the bus ends with the live server."""

from __future__ import annotations

import threading
from typing import Any

from api.live.feed import Feed
from tests.bus.parts import PATIENCE


class Restless:
    """A subscriber that always wakes by itself, so that the thread ends before it is woken."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.thread: threading.Thread | None = None

    def receive(self) -> None:
        self.thread = threading.current_thread()

    def interrupt(self) -> None:
        if self.thread is not None:
            self.thread.join(PATIENCE)
        self.told.append("interrupted")

    def close(self) -> None:
        self.told.append("closed")

    def __enter__(self) -> Restless:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def feed_of(subscriber: Any) -> Feed:
    return Feed(subscriber, lambda update: None)


def test_what_ends_just_then_is_still_there_to_be_woken() -> None:
    """The thread may have ended when it is woken; only after that is its subscriber closed."""
    subscriber = Restless()
    feed = feed_of(subscriber)
    feed.start()
    feed.close()
    feed.close()
    assert subscriber.told == ["interrupted", "closed"]


def test_one_that_never_began_is_closed() -> None:
    """A house that fails half-way up leaves no socket."""
    subscriber = Restless()
    feed_of(subscriber).close()
    assert subscriber.told == ["interrupted", "closed"]
