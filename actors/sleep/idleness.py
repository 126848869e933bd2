"""Idleness: since when nobody uses an instance, from all that can be seen of it."""

from __future__ import annotations

import msgspec

from actors.door.routes import DoorActivity
from actors.traffic import Traffic

IO_NOISE = 64
"""Bytes that an idle instance reads or writes between two looks (PocketBase 0.40.6: 14 in 5 s)."""
PROBE_IO = 160
"""Bytes that a health check has it read or write at most (105 of each)."""


class Idleness(msgspec.Struct):
    """One instance, from one look to the next. Times are those of the monotonic clock."""

    since: float
    """The last activity."""
    what: str = "it was started"
    """What that was."""
    open: int = 0
    """Connections and requests that are open."""
    io: tuple[int, int] | None = None

    def look(
        self,
        now: float,
        seen: Traffic,
        held: set[str],
        door: DoorActivity | None,
        io: tuple[int, int] | None,
        *,
        probes: int,
    ) -> None:
        """Take in what is seen ``now``.

        ``held`` are the sockets of the door, which counts itself; so many ``probes`` of our own
        were there at most since the last look.
        """
        beside = max(0, seen.open - len(seen.sockets & held))
        through = 0 if door is None else door.running
        self.open = beside + through
        if door is not None:
            self._active(now - door.idle, "a request at the door")
        if seen.idle is not None:
            self._active(now - seen.idle, "a connection that was closed")
        if self._moved(io, IO_NOISE + probes * PROBE_IO):
            self._active(now, "it read and wrote")
        if self.open:
            self._active(now, f"{self.open} connections are open")

    def _moved(self, io: tuple[int, int] | None, noise: int) -> bool:
        """Whether it has read *and* written, as whoever serves a request does."""
        last, self.io = self.io, io
        return None not in (io, last) and all(
            new - old > noise for new, old in zip(io or (), last or (), strict=True)
        )

    def _active(self, at: float, what: str) -> None:
        if at > self.since:
            self.since, self.what = at, what
