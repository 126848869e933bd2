"""Retention: which backups are kept. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime

from actors.backups.catalogue import Entry
from actors.backups.manifest import Kind
from bus.backup import BackupPolicy


def expired(entries: Iterable[Entry], policy: BackupPolicy) -> list[Entry]:
    """Return those that need not be kept any more, of one user.

    Only scheduled ones go by themselves. The newest of each of the last days and weeks that have
    one is kept beside the last few; so is the newest that was proven, whatever its age.
    """
    scheduled = sorted(
        (each for each in entries if each.manifest.kind is Kind.SCHEDULED),
        key=lambda each: each.manifest.taken_at,
        reverse=True,
    )
    kept = {each.id for each in scheduled[: policy.keep_last]}
    kept |= _newest_of_each(scheduled, lambda at: at.date(), policy.keep_daily)
    kept |= _newest_of_each(scheduled, lambda at: at.isocalendar()[:2], policy.keep_weekly)
    proven = next((each.id for each in scheduled if each.proven_at is not None), None)
    return [each for each in scheduled if each.id not in kept and each.id != proven]


def _newest_of_each(
    newest_first: list[Entry], period: Callable[[datetime], Hashable], count: int
) -> set[str]:
    found: dict[Hashable, str] = {}
    for each in newest_first:
        found.setdefault(period(each.manifest.taken_at), each.id)
    return set(list(found.values())[:count])
