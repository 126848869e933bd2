"""StartQueue: how many instances start at once, and who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bus.errors import TooManyStarts


class StartQueue:
    """Grants at most ``slots`` starts at a time, in the order in which they were asked for.

    Not an actor: asking must be refused or accepted at once, before anything is changed.
    """

    def __init__(self, slots: int, *, longest: int) -> None:
        """``longest`` starts may wait; those beyond are refused."""
        self._slots = slots
        self._longest = longest
        self._lock = threading.Lock()
        self._starting: set[str] = set()
        self._waiting: dict[str, Callable[[], None]] = {}

    @property
    def busy(self) -> bool:
        """Whether any instance starts, or waits for it."""
        return bool(self._starting or self._waiting)

    def join(self, user_id: str, grant: Callable[[], None], *, forced: bool = False) -> bool:
        """Have ``grant`` called when the user's turn has come; return whether that is at once.

        Raises :class:`TooManyStarts` when the queue is full; never with ``forced``, which is for
        the manager's own restarts.
        """
        with self._lock:
            free = len(self._starting) < self._slots
            if free:
                self._starting.add(user_id)
            elif forced or len(self._waiting) < self._longest:
                self._waiting[user_id] = grant
            else:
                raise TooManyStarts(
                    f"Too many instances are starting: {len(self._starting)}, and "
                    f"{len(self._waiting)} wait; try again later",
                    retry_after=1,
                )
        if free:
            grant()
        return free

    def lengths(self) -> tuple[int, int]:
        """How many starts are under way, and how many wait for their turn."""
        with self._lock:
            return len(self._starting), len(self._waiting)

    def leave(self, user_id: str) -> None:
        """The user's start is over, or not wanted any more. Harmless when it never was here."""
        with self._lock:
            self._waiting.pop(user_id, None)
            if user_id not in self._starting:
                return
            self._starting.remove(user_id)
            if not self._waiting:
                return
            following = next(iter(self._waiting))
            grant = self._waiting.pop(following)
            self._starting.add(following)
        grant()
