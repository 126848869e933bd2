"""One manager per ``PB_USER_DBS_PATH``."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bus.errors import SettingsError


class ManagerLock:
    """Held as long as the manager lives; the kernel releases it with the process (flock(2))."""

    def __init__(self, path: Path) -> None:
        """Take the lock; raise :class:`SettingsError` with the pid of who has it."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise SettingsError(
                f"PB_USER_DBS_PATH={str(path.parent.parent)!r}: another manager (pid {holder}) "
                "has it; stop that one, or take another directory"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let go."""
        os.close(self._fd)
