"""Lag: for how long changes wait to be in the replica.

Litestream writes each sync to a file of its own beside the user's data, and has one of the same
name in the replica; its folder there has another name in a bucket than in a directory. So what is
newest here is looked for there.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from actors.layout import directory_name
from actors.replication.generation import LocalState
from bus.errors import BackupError

if TYPE_CHECKING:
    from actors.replication.place import Place

CHANGES = "ltx/0"


class LagWatch:
    """Belongs to one thread at a time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._there: dict[str, tuple[str, str]] = {}
        """Of each user, the generation and its newest file that was seen there."""
        self.silent = False
        """Whether the place did not answer when it was asked last."""

    def begin(self) -> None:
        """Begin a round. In each, a place that does not answer is asked once."""
        self.silent = False

    def of(self, user_id: str, state: LocalState, now: float) -> float:
        """Return for how many seconds the oldest change waits; 0: all is there.

        A place that does not answer has nothing new. ``now`` is in seconds since 1970.
        """
        generation = state.current()
        here = _changes(state)
        if generation is None or not here:
            return 0.0
        newest = (generation.name, max(here))
        known, seen = self._there.get(user_id, ("", ""))
        if newest == (known, seen) or self._has(user_id, *newest):
            self._there[user_id] = newest
            return 0.0
        before = seen if known == generation.name else ""
        waiting = [at for name, at in here.items() if name > before]
        return max(0.0, now - min(waiting))

    def keep_only(self, user_ids: set[str]) -> None:
        """Forget everybody else."""
        for user_id in self._there.keys() - user_ids:
            del self._there[user_id]

    def look(self) -> None:
        """See whether the place answers, where nobody has anything that could be looked for."""
        self._has("nobody", "none", "nothing")

    def _has(self, user_id: str, generation: str, name: str) -> bool:
        if self.silent:
            return False
        try:
            return self._place.has_change(directory_name(user_id), generation, name)
        except BackupError:
            self.silent = True
            return False


def _changes(state: LocalState) -> dict[str, float]:
    """When each change that Litestream has noticed was written, by the name of its file."""
    found = {}
    with contextlib.suppress(OSError), os.scandir(state.meta / CHANGES) as files:
        for file in files:
            if file.name.endswith(".ltx"):
                with contextlib.suppress(OSError):
                    found[file.name] = file.stat().st_mtime
    return found
