"""Claim: keeps other managers off the path of a Unix socket.

Binding one, ZeroMQ removes what is at its path, so it would take the socket away from whoever
serves it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bus.errors import Unavailable


class Claim:
    """Holds ``<path>.lock`` until closed, or until the process ends (flock(2))."""

    def __init__(self, path: Path) -> None:
        """Raise :class:`Unavailable` when another process has it, or it cannot be made."""
        self._path = Path(f"{path}.lock")
        try:
            self._fd = self._take()
        except BlockingIOError:
            raise Unavailable(f"another manager serves {path}") from None
        except OSError as error:
            raise Unavailable(f"{error.strerror}") from error

    def close(self) -> None:
        """Let go, and leave no file."""
        self._path.unlink(missing_ok=True)
        os.close(self._fd)

    def _take(self) -> int:
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(fd).st_ino == self._path.stat().st_ino:
                    return fd
            except FileNotFoundError:
                pass  # the former holder has just removed it: take a new one
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
