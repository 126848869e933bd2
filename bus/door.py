"""What is known of the use of a door: by one user, or by all together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Seconds up to which answers are counted together; those that took longer are counted as well."""


class DoorUse(msgspec.Struct, frozen=True, kw_only=True):
    """Counted since the manager was started. What is null was not counted, or there is none."""

    requests: int | None = None
    errors: int | None = None
    """Answered with 4xx, by the door or by the instance."""
    failures: int | None = None
    """Answered with 5xx."""
    hit_rate: float | None = None
    """The share of the requests that found the instance awake, from 0 to 1."""
    latency_p50: float | None = None
    """Seconds until half of the answers began: at most so many, as they are counted in steps."""
    latency_p99: float | None = None
    wakes: int = 0
    wake_p50: float | None = None
    """Seconds from the wish to wake it until it was Running, of the last few hundred wakes."""
    wake_p99: float | None = None
    asleep_seconds: float = 0.0


def quantile(counts: Sequence[int], part: float) -> float | None:
    """Return the bound under which that part of the answers is; None: none, or beyond all."""
    wanted, seen = part * sum(counts), 0
    for bound, count in zip(BOUNDS, counts, strict=False):
        seen += count
        if seen and seen >= wanted:
            return bound
    return None
