"""What the keeper of the backups is told, beside what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from bus.errors import PblmError


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """First message: read what there is, then keep the schedule."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue was read."""

    newest: Mapping[str, datetime]
    """When each user's latest backup was made."""


class RoundDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look whose backup is due."""


class JobDone(msgspec.Struct, frozen=True, kw_only=True):
    """A job has ended: ``then`` is called with what came of it."""

    result: Any
    then: Callable[[Any], None]


class JobFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A job came to nothing: ``failed`` is called with why."""

    error: PblmError
    failed: Callable[[PblmError], None]


class OwnerChanged(msgspec.Struct, frozen=True, kw_only=True):
    """These users' directories are not what they were: look again."""

    user_ids: tuple[str, ...]
    renamed: bool
    """The first one is the second one now; else the only one was purged, or has come."""
    kept: bool = False
    """The backups outlive the one who was purged, or are those of who has come."""
