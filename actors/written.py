"""Written: who waits for a file to be written to is told at once, and need not look (inotify(7)).

By three calls of the C library: a package for them starts a program at launch to find it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import struct
from collections.abc import Callable
from pathlib import Path

from actors.clock import LoopClock
from actors.libc import checked, libc

_MODIFY = 0x2
"""IN_MODIFY of <sys/inotify.h>."""
_HEAD = struct.Struct("iIII")
"""``struct inotify_event``: watch, mask, cookie, and how long the name is that follows."""
_ROOM = 65536


class Written:
    """Tells of writes to files, on the clock's thread, where all of it is called but ``close``."""

    def __init__(self, clock: LoopClock) -> None:
        """Raises :class:`OSError` where there are too many of its kind already."""
        self._clock = clock
        self._fd = checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._calls: dict[int, list[Callable[[], None]]] = {}
        clock.when_readable(self._fd, self._read)

    def watch(self, path: Path, call: Callable[[], None]) -> Callable[[], None]:
        """Call ``call`` after each write to the file, until what is returned is called.

        Raises :class:`OSError`, as when there is no such file.
        """
        watch = checked(libc.inotify_add_watch(self._fd, os.fsencode(path), _MODIFY))
        calls = self._calls.setdefault(watch, [])
        calls.append(call)

        def end() -> None:
            calls.remove(call)
            if not calls and self._calls.get(watch) is calls:
                del self._calls[watch]
                libc.inotify_rm_watch(self._fd, watch)  # gone with its file already: no harm

        return end

    def close(self) -> None:
        """Tell nothing any more. Waits for nothing; the clock goes on for a moment."""
        self._clock.post(self._close)

    def _close(self) -> None:
        self._clock.look_away(self._fd)
        os.close(self._fd)
        self._calls.clear()

    def _read(self) -> None:
        self._clock.await_io(self._fd, selectors.EVENT_READ, self._read)
        for watch in self._written():
            for call in list(self._calls.get(watch, ())):
                call()

    def _written(self) -> set[int]:
        found = set()
        with contextlib.suppress(BlockingIOError):
            events = os.read(self._fd, _ROOM)
            at = 0
            while at < len(events):
                watch, _, _, name = _HEAD.unpack_from(events, at)
                found.add(watch)
                at += _HEAD.size + name
        return found
