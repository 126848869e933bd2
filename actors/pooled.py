"""PooledActor: a Pykka actor that has a thread only while it has something to read.

There is one actor for each instance that runs, and nearly all of them rest nearly all the time. A
thread for each costs 36 KiB and a place in every queue for the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pykka

THREADS = 16
"""So many actors read at the same time, at most. They wait for nobody but the disk."""


class Turns:
    """The threads that actors share. They come as they are needed."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="turn")
        self._pool.submit(lambda: None)  # one is there, also when the system gives no more

    def take(self, turn: Callable[[], None]) -> None:
        """Have ``turn`` run by one of them; not at all when they have ended."""
        with contextlib.suppress(RuntimeError):
            self._pool.submit(turn)

    def close(self) -> None:
        """End them, after the turns under way."""
        self._pool.shutdown(cancel_futures=True)


class _NothingToReadError(Exception):
    """The inbox is empty, and the actor's turn is over."""


class _Inbox:
    """What an actor is still to read; whoever puts something into an idle one wakes the actor."""

    __slots__ = ("_awake", "_envelopes", "_lock", "wake")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._envelopes: deque[Any] = deque()
        self._awake = True
        """Somebody reads it, or is about to."""
        self.wake: Callable[[], None] = lambda: None

    def put(self, envelope: Any, /) -> None:
        with self._lock:
            self._envelopes.append(envelope)
            if self._awake:
                return
            self._awake = True
        self.wake()

    def get(self) -> Any:
        with self._lock:
            if self._envelopes:
                return self._envelopes.popleft()
            self._awake = False
        raise _NothingToReadError

    def rest(self) -> bool:
        """Whether it is empty; whoever puts something into it from then on wakes the actor."""
        with self._lock:
            self._awake = bool(self._envelopes)
            return not self._awake

    def empty(self) -> bool:
        return not self._envelopes


class PooledActor(pykka.ThreadingActor):
    """Reads its messages one at a time and in their order, as every actor, on any thread."""

    actor_inbox: _Inbox

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    @staticmethod
    def _create_actor_inbox() -> _Inbox:
        return _Inbox()

    def _start_actor_loop(self) -> None:
        """Pykka would start a thread here, that reads until the actor is stopped."""
        self.actor_inbox.wake = lambda: self._turns.take(self._turn)
        self._turns.take(self._first_turn)

    def _first_turn(self) -> None:
        self._actor_loop_setup()
        self._turn()

    def _turn(self) -> None:
        """Read what there is. Pykka's own loop does it, and it ends when the inbox is empty.

        One that has ended refuses it, and what comes late, too, from somebody who saw it alive
        just before: who asked so waited for ever.
        """
        with contextlib.suppress(_NothingToReadError):
            self._actor_loop_running()
            self._actor_loop_teardown()
            while not self.actor_inbox.rest():
                self._actor_loop_teardown()
