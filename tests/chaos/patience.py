"""Waiting: for a condition, and never longer than its deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.chaos.errors import Overdue

POLL = 0.02
"""Seconds between two looks at first."""
COARSER = 0.05
"""Later this share of the wait so far: a look takes CPU from those who are waited for."""


def wait_until(
    what: str, condition: Callable[[], object], seconds: float, *, poll: float = POLL
) -> float:
    """Return after how many seconds ``condition`` held; raise :class:`Overdue` if it never did."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds:
            raise Overdue(f"not within {seconds:g} s: {what}")
        pause(max(poll, waited * COARSER))
    return time.monotonic() - began


def pause(seconds: float) -> None:
    """Let ``seconds`` pass: between two looks, or while a fault lasts."""
    threading.Event().wait(seconds)
