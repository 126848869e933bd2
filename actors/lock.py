"""Locks: one manager per ``PB_USER_DBS_PATH``, one process per user's directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from actors.data.database import openings
from bus.causes import Cause
from bus.errors import InstanceIOError, SettingsError

DMS = 128
_FLOCK = "hhqqi"
"""``struct flock`` of 64-bit Linux (fcntl(2))."""


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


class DirectoryLock:
    """The right to serve one user's directory.

    The process that serves it inherits the open file, and with it the lock: it ends with the last
    process that has it, so also a manager that was killed leaves no directory unguarded.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def take(cls, path: Path) -> DirectoryLock | None:
        """Take the lock, or return None when a process has it."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(fd)

    @classmethod
    @contextlib.contextmanager
    def held(cls, path: Path) -> Iterator[None]:
        """Hold the lock within this block; raise :class:`InstanceIOError` if somebody has it."""
        lock = cls.take(path)
        if lock is None:
            raise InstanceIOError(
                f"IO error: {path} is held by a process", cause=Cause.DIRECTORY_IN_USE
            )
        try:
            yield
        finally:
            lock.close()

    def close(self) -> None:
        """Close our side; the process that inherited it keeps the lock."""
        os.close(self.fd)


def sqlite_holder(data: Path) -> int | None:
    """Return the pid of another process that has the SQLite database in ``data`` open, if any.

    Every connection in WAL mode holds a shared lock on byte 128 of the ``-shm`` file
    (https://www.sqlite.org/walformat.html#wal_locks, DMS). PocketBase closes its connections
    after three idle minutes, so nobody found is no proof.
    """
    path = data / "data.db-shm"
    with openings.plain(data) as free:
        return _probe(path) if free else _listed(path)


def _probe(path: Path) -> int | None:
    """Ask the kernel. Closing the file drops what locks this process has on it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, DMS, 1, 0)
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, request)
    finally:
        os.close(fd)
    kind, _, _, _, pid = struct.unpack(_FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else pid


def _listed(path: Path) -> int | None:
    """Look it up in the list of all locks: slower, and without a file (proc_locks(5))."""
    try:
        inode = path.stat().st_ino
    except OSError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        _, _, _, _, pid, file, first, last = line.replace("-> ", "").split()[:8]
        covered = int(first) <= DMS and (last == "EOF" or int(last) >= DMS)
        if covered and file.endswith(f":{inode}") and int(pid) not in (os.getpid(), -1):
            return int(pid)
    return None
