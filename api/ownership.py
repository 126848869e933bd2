"""``DELETE /api/users/{user_id}/pb`` and the like: whose an instance is, and for how long."""

from __future__ import annotations

from typing import Annotated

import falcon
import msgspec

from api.input import read_body, read_flag, read_query
from api.openapi.operation import Operation, Query, Reply
from api.replies import InstanceReply, write
from bus.answers import InstanceAnswer
from bus.client import BusClient
from bus.errors import Conflict, InstanceIOError, InvalidRequest, NotFound, ProcessError
from bus.requests import CloneInstance, DeleteInstance, RenameInstance, Request, UndeleteInstance
from bus.user_id import PATTERN

COPY_TIMEOUT = 300.0
"""How long a copy of a user's data may take, in seconds."""


class ToBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``rename`` and ``clone``."""

    to: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": PATTERN})]


class OwnershipResource:
    """Deleting, undeleting, renaming and cloning one user's instance."""

    def __init__(self, bus: BusClient, *, stop_wait: float) -> None:
        """``stop_wait``: how long stopping may take, in seconds."""
        self._bus = bus
        self._stop_wait = stop_wait

    def on_delete_pb(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``DELETE /api/users/{id}/pb?purge=true``."""
        query = read_query(req, {"purge", "keep_backups"})
        purge = read_flag(query.get("purge"), "purge")
        keep = read_flag(query.get("keep_backups"), "keep_backups")
        if keep and not purge:
            raise InvalidRequest("keep_backups goes with purge: until then, they are kept anyway")
        request = DeleteInstance(user_id=user_id, purge=purge, keep_backups=keep)
        done = " and its data are gone" if purge else "; its data are kept for PB_DELETE_GRACE"
        self._answer(resp, request, f"PocketBase instance deleted{done}", self._stop_wait)

    def on_post_undelete(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/undelete``."""
        read_query(req)
        request = UndeleteInstance(user_id=user_id)
        self._answer(resp, request, "PocketBase instance undeleted", self._stop_wait)

    def on_post_rename(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/rename``."""
        read_query(req)
        request = RenameInstance(user_id=user_id, to=_to(req))
        message = f"PocketBase instance belongs to {request.to} now"
        self._answer(resp, request, message, self._stop_wait)

    def on_post_clone(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/clone``."""
        read_query(req)
        request = CloneInstance(user_id=user_id, to=_to(req))
        message = f"PocketBase instance cloned for {request.to}"
        self._answer(resp, request, message, COPY_TIMEOUT)

    def _answer(
        self, resp: falcon.Response, request: Request, message: str, timeout: float
    ) -> None:
        answer = self._bus.ask(request, InstanceAnswer, timeout=timeout)
        write(resp, InstanceReply(message=message, instance=answer.instance))


def _to(req: falcon.Request) -> str:
    if not req.content_length:
        raise InvalidRequest('The body is needed: {"to": "the new user id"}')
    return read_body(req, ToBody).to


OPERATIONS = (
    Operation(
        call="DELETE /api/users/{user_id}/pb",
        summary="Stop the user's instance and put its data away",
        details="The data is kept for `PB_DELETE_GRACE`, unless it is purged.",
        group="Ownership",
        query={
            "keep_backups": Query(type=bool, meaning="Purge all but the backups", default=False),
            "purge": Query(type=bool, meaning="Remove the data for good, now", default=False),
        },
        replies={200: Reply(what="It is deleted; null: it is purged", body=InstanceReply)},
        errors=(NotFound, Conflict, ProcessError, InstanceIOError),
    ),
    Operation(
        call="POST /api/users/{user_id}/undelete",
        summary="Bring the data of a deleted user back",
        group="Ownership",
        replies={200: Reply(what="It is back, and stopped", body=InstanceReply)},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
    Operation(
        call="POST /api/users/{user_id}/rename",
        summary="Have the user's instance belong to another user id",
        group="Ownership",
        body=ToBody,
        body_required=True,
        replies={200: Reply(what="It belongs to that one now", body=InstanceReply)},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
    Operation(
        call="POST /api/users/{user_id}/clone",
        summary="Copy the user's data for a new user",
        group="Ownership",
        body=ToBody,
        body_required=True,
        replies={200: Reply(what="The copy, which is stopped", body=InstanceReply)},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
)
