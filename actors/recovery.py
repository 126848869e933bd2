"""Recovery: whom a launch finds on the way somewhere, a few at a time.

Hundreds who are told at once would all have their turn before the first of them is started: the
processor would write down what became of whom, and start nobody meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

AT_ONCE = 4
"""So many are told and have not done what they were told, at most."""


class Recovery:
    """Belongs to the supervisor. Who is asked for meanwhile is recovered first."""

    def __init__(self, recover: Callable[[str], object]) -> None:
        """``recover`` has the user's actor recover; it is to call :meth:`next` when it has."""
        self._recover = recover
        self._waiting: dict[str, None] = {}

    def begin(self, user_ids: Iterable[str]) -> None:
        """Have all of them recover, in this order."""
        self._waiting.update(dict.fromkeys(user_ids))
        for _ in range(AT_ONCE):
            self.next()

    def next(self) -> None:
        """One of them has: it is the next one's turn."""
        if self._waiting:
            self._recover(next(iter(self._waiting)))

    def take(self, user_id: str) -> bool:
        """Whether it still waits for its turn; it does not any more."""
        return self._waiting.pop(user_id, self) is None

    def hurry(self) -> None:
        """Have those who still wait recover now."""
        for user_id in list(self._waiting):
            self._recover(user_id)
