"""What the replicator is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LookDue:
    """It is time to look whether the databases are the files they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesDue:
    """It is time to copy what was uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesCopied:
    """A round is over."""

    at: datetime
    problems: dict[str, str]
    """What went wrong, by user."""
    users: tuple[str, ...]
    """Whose files were all copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LagDue:
    """It is time to look how far the replicas are behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LagKnown:
    """Somebody has looked."""

    lags: dict[str, float]
    """For how many seconds each user's changes wait; of those who run."""
    silent: bool
    """Whether the place did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneDue:
    """It is time to remove what is older than anybody can go back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoversDue:
    """It is time to remove what is left of users who are not there any more.

    Somebody may have the same id already.
    """

    user_id: str | None = None
    """Of whom; None: of all, and again after a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesForgotten:
    """The user's files are to be looked at anew: they are another user's now."""

    user_ids: tuple[str, ...]
