"""Verdict: which promises were broken, told by kind and user."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

OVERLAP, EPOCH, LOSS, INTEGRITY = (
    "overlap of two owners",
    "epoch fell",
    "loss outside the bound",
    "integrity",
)
KINDS = (OVERLAP, EPOCH, LOSS, INTEGRITY)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One promise that was broken."""

    kind: str
    user: str
    what: str
    """What happened; the same for all that have one cause."""
    seconds: float = 0.0
    """How much too late, or how long before the owner's last acknowledgement."""


def counts(broken: list[Broken]) -> dict[str, int]:
    """How many there are of each kind; every kind is told, that of which there is none too."""
    return {kind: sum(each.kind == kind for each in broken) for kind in KINDS}


def groups(broken: list[Broken]) -> list[dict[str, object]]:
    """All of them, those put together that differ only in the write: none is left out."""
    found: dict[tuple[str, str, str], list[Broken]] = defaultdict(list)
    for each in broken:
        found[each.kind, each.user, each.what].append(each)
    return [
        {
            "kind": kind,
            "user": user,
            "what": what,
            "count": len(some),
            "longest": round(max(each.seconds for each in some), 3),
        }
        for (kind, user, what), some in sorted(found.items())
    ]
