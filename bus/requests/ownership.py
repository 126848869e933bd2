"""Requests: whose an instance is, and for how long."""

from __future__ import annotations

from bus.requests.base import UserRequest
from bus.user_id import check_user_id


class DeleteInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Stop the user's instance and put its data away; with ``purge`` remove everything."""

    purge: bool = False
    keep_backups: bool = False
    """With ``purge``: the user's backups outlive the rest."""


class UndeleteInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Bring the data of a deleted user back; the instance is Stopped then."""


class RenameInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have the user's instance and everything that goes with it belong to user ``to``."""

    to: str

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        check_user_id(self.to)


class CloneInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Copy the user's data for a new user ``to``, with secrets of its own."""

    to: str

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        check_user_id(self.to)
