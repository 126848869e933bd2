"""What can be asked of the manager: imperative, immutable, checked when made.

A request says nothing about how it is answered; :mod:`bus.answers` does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from bus.errors import InvalidRequest
from bus.states import Status
from bus.user_id import check_user_id

MAX_PAGE = 10_000
"""The largest page of a listing."""
MAX_TOKEN_SECONDS = 24 * 3600
"""The longest life of a token, in seconds."""
MAX_METADATA = 16 * 1024
"""The largest metadata of a user, in bytes of JSON."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the requests. ``v`` is the version of the protocol."""

    v: Literal[1] = 1


class UserRequest(Request, frozen=True, kw_only=True):
    """A request about one user, served in order by that user's actor."""

    user_id: str

    def __post_init__(self) -> None:
        check_user_id(self.user_id)


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


class DeleteInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Stop the user's instance and put its data away; with ``purge`` remove everything."""

    purge: bool = False


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


class ListInstances(Request, frozen=True, kw_only=True, tag=True):
    """The instances in the order of their user ids, a page at a time."""

    status: Status | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 1_000
    after: str = ""
    """Only user ids greater than this one."""


class GetHealth(Request, frozen=True, kw_only=True, tag=True):
    """How the manager itself is."""


class GetEvents(Request, frozen=True, kw_only=True, tag=True):
    """The events of ``epoch`` after number ``after``: what a subscriber missed."""

    epoch: str
    after: int


AnyRequest = (
    InitInstance
    | StopInstance
    | GetInstance
    | MintToken
    | RevokeTokens
    | GetMetadata
    | PutMetadata
    | DeleteInstance
    | UndeleteInstance
    | RenameInstance
    | CloneInstance
    | ListInstances
    | GetHealth
    | GetEvents
)
