"""What the replicator is told."""

from __future__ import annotations

from datetime import datetime

import msgspec


class LookDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look whether the databases are the files they were."""


class FilesDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to copy what was uploaded."""


class FilesCopied(msgspec.Struct, frozen=True, kw_only=True):
    """A round is over."""

    at: datetime
    problems: dict[str, str]
    """What went wrong, by user."""
    users: tuple[str, ...]
    """Whose files were all copied."""


class LagDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look how far the replicas are behind."""


class LagKnown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has looked."""

    lags: dict[str, float]
    """For how many seconds each user's changes wait; of those who run."""
    silent: bool
    """Whether the place did not answer."""


class PruneDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to remove what is older than anybody can go back to."""


class LeftoversDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to remove what is left of users who are not there any more.

    Somebody may have the same id already.
    """

    user_id: str | None = None
    """Of whom; None: of all, and again after a while."""


class FilesForgotten(msgspec.Struct, frozen=True, kw_only=True):
    """The user's files are to be looked at anew: they are another user's now."""

    user_ids: tuple[str, ...]
