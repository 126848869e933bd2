"""Digests: what an executable is known by, read anew only when its file has changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from datetime import timedelta
from pathlib import Path

import msgspec

from actors import durable
from actors.clock import utc_now

DIGITS = 16
"""How much of a file's SHA-256 names it, in hexadecimal digits."""
SETTLED = timedelta(seconds=2)
"""A file that was changed so shortly before may change again without a later time of change: the
clock of a file system ticks in steps (Git calls such an entry racy)."""


class Seen(msgspec.Struct, frozen=True):
    """A file as it was when it was read."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int
    """Nanoseconds. No program sets it, so it tells of every change."""
    digest: str


class Digests:
    """Remembers them in a file: PocketBase has 30 MB, and every launch reads two."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen = _read(path)

    def of(self, path: Path) -> str:
        """Return the digest of the file at ``path``; raise :class:`OSError`."""
        with path.open("rb") as file:
            now = os.fstat(file.fileno())
            seen = self._seen.get(str(path))
            if seen is not None and seen == _seen(now, seen.digest):
                return seen.digest
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
        if utc_now().timestamp() - now.st_ctime > SETTLED.total_seconds():
            self._remember(path, _seen(now, digest))
        return digest

    def _remember(self, path: Path, seen: Seen) -> None:
        with self._lock, contextlib.suppress(OSError):  # not written: the next launch reads again
            there = {name: each for name, each in self._seen.items() if os.path.exists(name)}
            self._seen = there | {str(path): seen}
            durable.write_file(self._path, msgspec.json.encode(self._seen))


def _seen(stat: os.stat_result, digest: str) -> Seen:
    return Seen(
        device=stat.st_dev,
        inode=stat.st_ino,
        size=stat.st_size,
        modified=stat.st_mtime_ns,
        changed=stat.st_ctime_ns,
        digest=digest,
    )


def _read(path: Path) -> dict[str, Seen]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Seen])
    except (OSError, msgspec.DecodeError):  # not there yet, or nothing that we can use
        return {}
