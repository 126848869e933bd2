"""What the keeper of the backups is told, beside what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bus.errors import PblmError


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """First message: read what there is, then keep the schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The catalogue was read."""

    newest: Mapping[str, datetime]
    """When each user's latest backup was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundDue:
    """It is time to look whose backup is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone:
    """A job has ended: ``then`` is called with what came of it."""

    result: Any
    then: Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """A job came to nothing: ``failed`` is called with why."""

    error: PblmError
    failed: Callable[[PblmError], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerChanged:
    """These users' directories are not what they were: look again."""

    user_ids: tuple[str, ...]
    renamed: bool
    """The first one is the second one now; else the only one was purged, or has come."""
    kept: bool = False
    """The backups outlive the one who was purged, or are those of who has come."""
