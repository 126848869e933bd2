"""Progress: whether a program gets on, by what the kernel tells of it."""

from __future__ import annotations

from actors import proc

LEAST = 1024
"""So many bytes are progress. A Litestream that waits for a silent bucket moves 0.5 a second, by
which its runtime wakes itself."""


class Progress:
    """Looked at now and then, at equal distances; knows for how many looks there was none.

    A program gets on when it reads or writes, be it a file or a connection, and when it works or
    waits for a disk. Where the kernel does not tell (proc(5)), it does.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._moved = 0
        self._vain = 0

    def is_stalled(self, looks: int) -> bool:
        """Look; return whether it has got nowhere for so many looks in a row."""
        moved = proc.bytes_moved(self._pid)
        if moved is None or moved >= self._moved + LEAST:
            self._moved, self._vain = moved or 0, 0
            return False
        self._vain += 1
        if self._vain >= looks and proc.is_busy(self._pid):
            self._vain = 0
        return self._vain >= looks
