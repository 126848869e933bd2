"""The files that one instance's output goes to: the current one, and older parts beside it.

PocketBase holds the current file open and appends to it (``O_APPEND``). It is never given a pipe:
one that nobody reads blocks it, one whose reader is gone kills it (SIGPIPE). So the file stays the
same file: what is in it is copied to a part, and then it is cut to nothing; the next write begins
at its new end. What is written in the microseconds between the last look and the cut is lost.

Positions are in bytes, counted from the beginning of the current file; older parts lie before it,
at negative ones.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MAX_PARTS = 20
"""Older parts that there may be at most."""
CHUNK = 256 * 1024
"""Bytes copied at a time."""


def part(log: Path, number: int) -> Path:
    """Return the path of an older part; number 1 is the latest."""
    return log.with_name(f"{log.name}.{number}")


def all_of(log: Path) -> list[Path]:
    """Return the paths of what there is of it, oldest first; the current file comes last."""
    older = [part(log, number) for number in range(MAX_PARTS, 0, -1)]
    return [*(path for path in older if path.exists()), log]


def read(log: Path, since: int, limit: int) -> tuple[int, bytes]:
    """Return at most ``limit`` bytes from ``since`` on, and the position of the first of them.

    What is not kept any more is skipped. A position behind the end is one of a file that somebody
    else has emptied: it counts as its beginning.
    """
    files = [(path, _size(path)) for path in all_of(log)]
    begins = -sum(size for _, size in files[:-1])
    since = max(since, begins) if since <= files[-1][1] else 0
    data = b""
    for path, size in files:
        if since + len(data) < begins + size and len(data) < limit:
            data += _read_part(path, since + len(data) - begins, limit - len(data))
        begins += size
    return since, data


def end(log: Path) -> int:
    """Return the position behind its last byte."""
    return _size(log)


def rotate(log: Path, *, largest: int, parts: int) -> int:
    """Cut the current file to nothing if it has more than ``largest`` bytes.

    ``parts`` older ones are kept. Returns by how many bytes all positions have become less. Raises
    :class:`OSError` when the copy cannot be made, and has cut nothing then.
    """
    if _size(log) <= largest:
        return 0
    draft = log.with_name(f"{log.name}.new")
    try:
        cut = _copy(log, draft, largest)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    os.truncate(log, 0)
    for number in range(parts - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            part(log, number).rename(part(log, number + 1))
    draft.rename(part(log, 1))
    return cut


def remove(log: Path) -> None:
    """Remove all of it."""
    for path in all_of(log):
        path.unlink(missing_ok=True)


def move(log: Path, target: Path) -> None:
    """Have all of it be at ``target``. Once done, doing it again is harmless."""
    for path in all_of(log):
        with contextlib.suppress(FileNotFoundError):
            path.rename(target.with_name(path.name.replace(log.name, target.name, 1)))


def _copy(log: Path, draft: Path, largest: int) -> int:
    """Copy it, or its end if it has become far too large; return the position reached."""
    most = 2 * largest
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with open(log, "rb") as source, open(os.open(draft, flags, 0o600), "wb") as target:
        source.seek(max(0, _size(log) - most))
        # A process that writes faster than this copies must not keep it here for ever.
        while target.tell() < most and (chunk := source.read(CHUNK)):
            target.write(chunk)
        return source.tell()


def _read_part(path: Path, start: int, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
