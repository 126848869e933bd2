"""``/api/users/{user_id}/pb_token`` and the like: what the app needs beside the instance."""

from __future__ import annotations

from typing import Annotated, Any

import falcon
import msgspec

from api.input import read_body, read_query
from bus.answers import MetadataAnswer, RevokedAnswer, TokenAnswer
from bus.client import BusClient
from bus.errors import InvalidRequest
from bus.requests import MAX_TOKEN_SECONDS, GetMetadata, MintToken, PutMetadata, RevokeTokens

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class TokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``pb_token``."""

    collection: _Name = "_superusers"
    record_id: _Name | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKEN_SECONDS)] = 600
    """Seconds."""


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
        _write(
            resp,
            {
                "success": True,
                "token": answer.token,
                "expires_at": answer.expires_at,
                "collection": answer.collection,
                "record_id": answer.record_id,
            },
        )

    def on_post_revoke(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/revoke_tokens``."""
        read_query(req)
        answer = self._bus.ask(RevokeTokens(user_id=user_id), RevokedAnswer)
        message = f"All tokens of {answer.records} records are worthless now"
        _write(resp, {"success": True, "message": message, "records": answer.records})

    def on_get_metadata(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/metadata``."""
        read_query(req)
        answer = self._bus.ask(GetMetadata(user_id=user_id), MetadataAnswer)
        _write(resp, {"user_id": user_id, "metadata": answer.metadata})

    def on_put_metadata(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``PUT /api/users/{id}/metadata``."""
        read_query(req)
        if not req.content_length:
            raise InvalidRequest("The body is needed: a JSON object")
        metadata = read_body(req, dict[str, Any])
        answer = self._bus.ask(PutMetadata(user_id=user_id, metadata=metadata), MetadataAnswer)
        _write(resp, {"user_id": user_id, "metadata": answer.metadata})


def _write(resp: falcon.Response, body: dict[str, Any]) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = msgspec.json.encode(body)
