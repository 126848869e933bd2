"""``/api/users/{user_id}/pb_token`` and the like: what the app needs beside the instance."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import falcon
import msgspec

from api.input import read_body, read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import MetadataAnswer, RevokedAnswer, TokenAnswer
from bus.client import BusClient
from bus.errors import Conflict, InstanceIOError, InvalidRequest, NotFound
from bus.requests import MAX_TOKEN_SECONDS, GetMetadata, MintToken, PutMetadata, RevokeTokens

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class TokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``pb_token``."""

    collection: _Name = "_superusers"
    record_id: _Name | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKEN_SECONDS)] = 600
    """Seconds."""


class TokenReply(msgspec.Struct, frozen=True, kw_only=True):
    """A token for the user's own PocketBase."""

    success: Literal[True] = True
    token: str
    expires_at: datetime
    collection: str
    record_id: str


class RevokedReply(msgspec.Struct, frozen=True, kw_only=True):
    """How many auth records got a new key."""

    success: Literal[True] = True
    message: str
    records: int


class MetadataReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the app has put beside the instance."""

    user_id: str
    metadata: dict[str, Any]


class AccessResource:
    """Tokens and metadata of one user's instance."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_post_token(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/pb_token``."""
        read_query(req)
        body = read_body(req, TokenBody)
        if body.record_id is None and body.collection != "_superusers":
            raise InvalidRequest("record_id is needed for a collection other than _superusers")
        request = MintToken(
            user_id=user_id,
            collection=body.collection,
            record_id=body.record_id,
            seconds=body.expires_in,
        )
        answer = self._bus.ask(request, TokenAnswer)
        resp.cache_control = ["no-store"]
        write(
            resp,
            TokenReply(
                token=answer.token,
                expires_at=answer.expires_at,
                collection=answer.collection,
                record_id=answer.record_id,
            ),
        )

    def on_post_revoke(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/revoke_tokens``."""
        read_query(req)
        answer = self._bus.ask(RevokeTokens(user_id=user_id), RevokedAnswer)
        message = f"All tokens of {answer.records} records are worthless now"
        write(resp, RevokedReply(message=message, records=answer.records))

    def on_get_metadata(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/metadata``."""
        read_query(req)
        answer = self._bus.ask(GetMetadata(user_id=user_id), MetadataAnswer)
        write(resp, MetadataReply(user_id=user_id, metadata=answer.metadata))

    def on_put_metadata(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``PUT /api/users/{id}/metadata``."""
        read_query(req)
        if not req.content_length:
            raise InvalidRequest("The body is needed: a JSON object")
        metadata = read_body(req, dict[str, Any])
        answer = self._bus.ask(PutMetadata(user_id=user_id, metadata=metadata), MetadataAnswer)
        write(resp, MetadataReply(user_id=user_id, metadata=answer.metadata))


OPERATIONS = (
    Operation(
        call="POST /api/users/{user_id}/pb_token",
        summary="Give a token for the user's own PocketBase",
        details="It is given while the instance is stopped, too, and cannot be refreshed. "
        "`record_id` is needed for a collection other than `_superusers`.",
        group="Access",
        body=TokenBody,
        replies={
            200: Reply(
                what="The token", body=TokenReply, headers={"Cache-Control": "Always `no-store`"}
            )
        },
        errors=(NotFound, Conflict, InstanceIOError),
    ),
    Operation(
        call="POST /api/users/{user_id}/revoke_tokens",
        summary="Make every token of the user's PocketBase worthless",
        group="Access",
        replies={200: Reply(what="They are worthless now", body=RevokedReply)},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
    Operation(
        call="GET /api/users/{user_id}/metadata",
        summary="Tell what the app has put beside the instance",
        group="Access",
        replies={200: Reply(what="What was put last", body=MetadataReply)},
        errors=(NotFound,),
    ),
    Operation(
        call="PUT /api/users/{user_id}/metadata",
        summary="Put a JSON object beside the instance, in place of the former one",
        details="The manager does not look at what it means; it has at most 16 KiB.",
        group="Access",
        body=dict[str, Any],
        body_required=True,
        replies={200: Reply(what="It is kept", body=MetadataReply)},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
)
