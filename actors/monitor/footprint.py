"""Footprint: how much disk the users' data take, measured within a budget."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Set
from pathlib import Path

REFRESH = 60.0
"""Seconds until a directory is measured again, at least."""
SHARE = 0.002
"""Part of one core's time that measuring may take."""
BLOCK = 512
"""``st_blocks`` counts these, whatever the file system's own blocks are (stat(2))."""


class Footprint:
    """Measures directories in turns, and stops when its time is used up.

    A user with a hundred thousand uploaded files takes as long as a thousand others; what such
    a walk costs beyond the budget is saved afterwards, so the average holds. Its numbers are
    just older then.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sizes: dict[str, int] = {}
        self._measured: dict[str, float] = {}
        self._allowance = 0.0
        self._credited = monotonic()

    def size(self, user_id: str) -> int | None:
        """Bytes on disk, as last measured; None: not measured yet."""
        return self._sizes.get(user_id)

    def keep_only(self, user_ids: Set[str]) -> None:
        """Forget everybody else."""
        for user_id in self._sizes.keys() - user_ids:
            del self._sizes[user_id], self._measured[user_id]

    def measure(self, user_ids: Iterable[str], place: Callable[[str], Path]) -> None:
        """Measure what is due of the users' directories, those that waited longest first.

        ``place`` tells where a user's is; it is asked for those only who are measured.
        """
        now = self._monotonic()
        # Unused time is not saved up for long: no burst after a quiet hour.
        self._allowance = min(self._allowance + SHARE * (now - self._credited), SHARE * REFRESH)
        self._credited = now
        for user_id in self._due(user_ids, now):
            if self._allowance < 0:
                break
            began = self._monotonic()
            self._sizes[user_id] = disk_usage(place(user_id))
            self._measured[user_id] = ended = self._monotonic()
            self._allowance -= ended - began

    def _due(self, user_ids: Iterable[str], now: float) -> list[str]:
        measured = {user_id: self._measured.get(user_id, -math.inf) for user_id in user_ids}
        due = [user_id for user_id, at in measured.items() if at <= now - REFRESH]
        return sorted(due, key=measured.__getitem__)


def disk_usage(directory: Path) -> int:
    """Return the bytes that all files under ``directory`` take on the disk."""
    total, folders = 0, [os.fspath(directory)]
    while folders:
        # What is removed while it is looked at takes nothing.
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    total += _blocks(entry) * BLOCK
    return total


def _blocks(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks
    except OSError:
        return 0
