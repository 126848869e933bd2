"""Releases: which etcds are known to end what they should keep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

CURED_3_4, CURED = (3, 4, 31), (3, 5, 13)
"""The first releases whose former leader ends no lease that its successor has prolonged."""
ISSUE = "https://github.com/etcd-io/etcd/issues/15247"


def is_cured(version: str) -> bool:
    """Whether an etcd of that version keeps what was renewed in time."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    return numbers >= CURED or (numbers[:2] == CURED_3_4[:2] and numbers >= CURED_3_4)


def warnings(versions: Mapping[str, str]) -> Iterator[str]:
    """Tell of each member of etcd, by its URL, that is too old."""
    for url, version in versions.items():
        if not is_cured(version):
            yield (
                f"{url} is etcd {version}: before 3.5.13 it may end the membership of a host that "
                f"has renewed it in time, and the host's users with it ({ISSUE})"
            )
