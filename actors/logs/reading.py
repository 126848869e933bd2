"""Reading: the lines of a log that were asked for, ready to be told. Pure."""

from __future__ import annotations

from actors.process import redacted

MAX_TEXT = 256 * 1024
"""The most that is told at a time, in bytes."""


def last_lines(data: bytes, count: int, *, begun_in_line: bool) -> bytes:
    """Return the last ``count`` lines of ``data``; its first is none if it is ``begun_in_line``."""
    lines = data.splitlines(keepends=True)
    if begun_in_line:
        lines = lines[1:]
    return b"".join(lines[-count:]) if count else b""


def whole_lines(data: bytes) -> bytes:
    """Return ``data`` without the line that is not finished, unless that fills it alone.

    A secret is hidden line by line: in two halves it would not be seen.
    """
    finished, newline, _ = data.rpartition(b"\n")
    return data if not newline and len(data) >= MAX_TEXT else finished + newline


def told(data: bytes) -> str:
    """Return ``data`` as it is told."""
    return redacted(data.decode(errors="replace"))
