"""Bell: wakes a thread that polls sockets, from any other."""

from __future__ import annotations

import contextlib
import os
import threading


class Bell:
    """A pipe: ``fileno`` is readable once it has been rung."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._open = True

    def fileno(self) -> int:
        """Return what to poll."""
        return self._reader

    def ring(self) -> None:
        """Wake the thread; nothing when it has ended."""
        with self._lock, contextlib.suppress(BlockingIOError):  # full of rings already
            if self._open:
                os.write(self._writer, b"\0")

    def rest(self) -> None:
        """Be silent again, until the next ring."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)

    def close(self) -> None:
        """Close it; a later ring must not write into a file that took the number."""
        with self._lock:
            self._open = False
            os.close(self._reader)
            os.close(self._writer)
