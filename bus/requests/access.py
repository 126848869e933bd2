"""Requests: tokens and metadata."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from bus.errors import InvalidRequest
from bus.requests.base import UserRequest
from bus.user_id import check_user_id

MAX_TOKEN_SECONDS = 24 * 3600
"""The longest life of a token, in seconds."""


MAX_METADATA = 16 * 1024
"""The largest metadata of a user, in bytes of JSON."""


class MintToken(UserRequest, frozen=True, kw_only=True, tag=True):
    """A token for the user's PocketBase; without ``record_id`` one of the service superuser."""

    collection: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] = "_superusers"
    record_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKEN_SECONDS)] = 600


class RevokeTokens(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have every token of the user's PocketBase be worthless, at once."""


class GetMetadata(UserRequest, frozen=True, kw_only=True, tag=True):
    """What the app has put beside the user's instance."""


class PutMetadata(UserRequest, frozen=True, kw_only=True, tag=True):
    """Put a JSON object beside the user's instance, in place of the former one."""

    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        size = len(msgspec.json.encode(self.metadata))
        if size > MAX_METADATA:
            raise InvalidRequest(f"The metadata has {size} bytes: at most {MAX_METADATA} are kept")
