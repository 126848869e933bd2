"""DiskWatch: tells before the disk is full. PocketBase cannot: its health stays 200."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bus.events import DiskLow, DiskRecovered, Event

MIB = 1024 * 1024


def free_bytes(path: Path) -> int:
    """Return how many bytes may still be written under ``path``, or 0 when it cannot be asked."""
    try:
        found = os.statvfs(path)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


class DiskWatch:
    """Publishes each change between room enough and too little."""

    def __init__(
        self,
        path: Path,
        *,
        least: int,
        now: Callable[[], datetime],
        publish: Callable[[Event], None],
    ) -> None:
        """``least`` is in bytes."""
        self._path = path
        self._least = least
        self._now = now
        self._publish = publish
        self.low = False

    def check(self) -> None:
        """Look now."""
        free = free_bytes(self._path)
        low = free < self._least
        if low == self.low:
            return
        self.low = low
        room = f"{free // MIB} MiB are free at {self._path}"
        if low:
            reason = f"{room}, less than {self._least // MIB}: writes will soon fail"
            self._publish(DiskLow(at=self._now(), reason=reason, free_bytes=free))
        else:
            self._publish(DiskRecovered(at=self._now(), reason=room, free_bytes=free))
