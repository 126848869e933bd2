"""What every request has."""

from __future__ import annotations

from typing import Literal

import msgspec

from bus.user_id import check_user_id


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the requests. ``v`` is the version of the protocol."""

    v: Literal[1] = 1


class UserRequest(Request, frozen=True, kw_only=True):
    """A request about one user, served in order by that user's actor."""

    user_id: str

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
