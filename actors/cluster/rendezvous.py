"""Rendezvous: which host a user goes to. Pure, so that all hosts agree without a word.

Highest random weight (Thaler and Ravishankar, 1998), weighted by the logarithm method: a host has
its share of the users, and when one comes or goes, only those move that it gets or had.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

BITS = 52
"""So many of a hash's bits are taken: a float holds them, and the half beside them, exactly."""


def ranked(user_id: str, capacities: Mapping[str, int]) -> list[str]:
    """Return the hosts in the order in which the user prefers them."""
    return sorted(capacities, key=lambda host: (-_score(user_id, host, capacities[host]), host))


def choose(user_id: str, capacities: Mapping[str, int]) -> str | None:
    """Return the host that the user goes to; None when there is none."""
    return min(
        capacities,
        key=lambda host: (-_score(user_id, host, capacities[host]), host),
        default=None,
    )


def _score(user_id: str, host: str, capacity: int) -> float:
    digest = hashlib.blake2b(f"{host}\0{user_id}".encode(), digest_size=8).digest()
    share = ((int.from_bytes(digest) >> (64 - BITS)) + 0.5) / (1 << BITS)
    return -capacity / math.log(share)
