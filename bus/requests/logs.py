"""Requests: what an instance's PocketBase wrote."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bus.requests.base import UserRequest

MAX_LOG_LINES = 10_000
"""The most lines that are told at a time."""
MAX_LOG_CURSOR = 64
"""The longest cursor, in characters."""
MAX_LOG_WAIT = 30.0
"""The longest wait for something to be written, in seconds."""


class ReadLog(UserRequest, frozen=True, kw_only=True, tag=True):
    """What the user's PocketBase wrote last; with ``cursor``, what it wrote since then.

    ``cursor`` is that of an earlier answer. One that is not known (any more) counts as
    none. With nothing to tell yet, the answer waits for up to ``wait_seconds``.
    """

    lines: Annotated[int, msgspec.Meta(ge=0, le=MAX_LOG_LINES)] = 100
    cursor: Annotated[str, msgspec.Meta(max_length=MAX_LOG_CURSOR)] | None = None
    wait_seconds: Annotated[float, msgspec.Meta(ge=0, le=MAX_LOG_WAIT)] = 0.0
