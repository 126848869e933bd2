"""The schedule of a day: who comes when, and what they do. The same for the same seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import accumulate

STREAMS = 0.05
"""The share of visits that hold an event stream while they last."""
WRITES = 0.2
"""The share of requests that store something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One caller of one user: some requests over one connection, with pauses between them."""

    at: float
    """Seconds since the day began."""
    user: int
    pauses: tuple[float, ...]
    """Seconds before each request but the first."""
    writes: tuple[bool, ...]
    """For each request whether it stores something."""
    streams: bool


def day(users: int, visits: int, seconds: float, seed: int) -> list[Visit]:
    """Return the visits of a day that lasts so many seconds.

    Of two users the one with twice the rank is visited half as often (Zipf); at noon there are
    three times as many visitors as at midnight.
    """
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank for rank in range(1, users + 1)))
    found = [
        _visit(chance, seconds, chance.choices(range(users), cum_weights=weights)[0])
        for _ in range(visits)
    ]
    return sorted(found, key=lambda visit: visit.at)


def _visit(chance: random.Random, seconds: float, user: int) -> Visit:
    requests = chance.randint(1, 7)
    return Visit(
        at=seconds * _time_of_day(chance),
        user=user,
        pauses=tuple(chance.uniform(0.0, 0.3) for _ in range(requests - 1)),
        writes=tuple(chance.random() < WRITES for _ in range(requests)),
        streams=chance.random() < STREAMS,
    )


def _time_of_day(chance: random.Random) -> float:
    """Return a part of the day; one at noon is three times as likely as one at midnight."""
    while True:
        part = chance.random()
        if chance.uniform(0.0, 1.5) < 1 - 0.5 * math.cos(2 * math.pi * part):
            return part
