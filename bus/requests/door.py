"""Requests about the use of the door."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bus.errors import InvalidRequest
from bus.requests.base import Request, UserRequest
from bus.requests.instances import MAX_PAGE


class GetDoor(Request, frozen=True, kw_only=True, tag=True):
    """Tell how much all users were asked for, woken and asleep, and which of them most."""

    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_PAGE)] = 20
    """How many of the busiest are named."""

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= MAX_PAGE:
            raise InvalidRequest(f"limit={self.limit}: takes 0 to {MAX_PAGE}")


class GetDoorUse(UserRequest, frozen=True, kw_only=True, tag=True):
    """Tell how much a user's instance was asked for, woken and asleep."""
