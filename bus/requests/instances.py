"""Requests: the life of one instance, and the list of all."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bus.requests.base import Request, UserRequest
from bus.states import Status


class InitInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have the user's instance running.

    Answered once it is Running or has failed; with ``wait=False`` as soon as it is under way.
    """

    force_restart: bool = False
    wait: bool = True


class StopInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have the user's instance stopped. Answered once its process is gone."""


class GetInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """The user's instance as it is now, or none."""


MAX_PAGE = 10_000
"""The largest page of a listing."""


class ListInstances(Request, frozen=True, kw_only=True, tag=True):
    """The instances in the order of their user ids, a page at a time."""

    status: Status | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 1_000
    after: str = ""
    """Only user ids greater than this one."""
    usage: bool = False
    """Tell also what each takes of the machine."""
    metadata: bool = False
    """Tell also what the app has put beside each."""
    backups: bool = False
    """Tell also as of when each is in a backup, and in a proven one."""
