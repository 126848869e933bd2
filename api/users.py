"""``/api/users/{user_id}/...``: one user's instance."""

from __future__ import annotations

import threading
import urllib.parse
from typing import Annotated, Literal

import falcon
import msgspec

from api.input import MAX_WAIT, read_body, read_query, read_wait
from api.openapi.operation import Operation, Query, Reply
from api.replies import InstanceReply, write
from bus.answers import InstanceAnswer, MetadataAnswer
from bus.client import BusClient
from bus.errors import (
    BusTimeout,
    Conflict,
    InstanceIOError,
    InvalidRequest,
    InvalidUserId,
    NoPorts,
    NotFound,
    ProcessError,
    StartTimeout,
    TooManyStarts,
)
from bus.instance import Instance
from bus.requests import GetInstance, GetMetadata, InitInstance, StopInstance
from bus.states import Status


class InitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``init_pb``."""

    force_restart: bool = False


class StatusReply(msgspec.Struct, frozen=True, kw_only=True):
    """How a user's instance is; null: there is none."""

    user_id: str
    instance: Instance | None


class UserResource:
    """The calls about one user."""

    def __init__(
        self, bus: BusClient, *, init_wait: float, stop_wait: float, waiting: threading.Semaphore
    ) -> None:
        """Waits are in seconds. Each call that waits holds a thread, and one of ``waiting``."""
        self._bus = bus
        self._init_wait = init_wait
        self._stop_wait = stop_wait
        self._waiting = waiting

    def on_post_init(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/init_pb``."""
        query = read_query(req, {"wait"})
        wait = read_wait(query.get("wait"), self._init_wait)
        body = read_body(req, InitBody)
        instance = self._init(user_id, body.force_restart, wait)
        if instance.status is Status.RUNNING:
            message = f"PocketBase instance initialized on port {instance.port}"
            resp.status = falcon.HTTP_200
        else:
            message = f"PocketBase instance is {instance.status}: {instance.reason}"
            resp.status = falcon.HTTP_202
            resp.location = f"/api/users/{urllib.parse.quote(user_id)}/pb_status"
        write(resp, InstanceReply(message=message, instance=instance))

    def on_get_status(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/pb_status``."""
        include = read_query(req, {"include"}).get("include")
        if include not in (None, "metadata"):
            raise InvalidRequest(f"include={include!r}: takes metadata")
        instance = self._bus.ask(GetInstance(user_id=user_id), InstanceAnswer).instance
        if instance is not None and include is not None:
            metadata = self._bus.ask(GetMetadata(user_id=user_id), MetadataAnswer).metadata
            instance = msgspec.structs.replace(instance, metadata=metadata)
        write(resp, StatusReply(user_id=user_id, instance=instance))

    def on_post_stop(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/stop_pb``."""
        read_query(req)
        answer = self._bus.ask(
            StopInstance(user_id=user_id), InstanceAnswer, timeout=self._stop_wait
        )
        message = "PocketBase instance stopped successfully"
        write(resp, InstanceReply(message=message, instance=answer.instance))

    def _init(self, user_id: str, force_restart: bool, wait: float) -> Instance:
        if wait and self._waiting.acquire(blocking=False):
            try:
                request = InitInstance(user_id=user_id, force_restart=force_restart)
                return self._ask(request, wait)
            except BusTimeout:
                return self._still_starting(user_id)
            finally:
                self._waiting.release()
        return self._ask(InitInstance(user_id=user_id, force_restart=force_restart, wait=False))

    def _still_starting(self, user_id: str) -> Instance:
        instance = self._ask(GetInstance(user_id=user_id))
        if instance.status is Status.FAILED:
            raise ProcessError(instance.reason, instance=instance)
        return instance

    def _ask(self, request: InitInstance | GetInstance, timeout: float | None = None) -> Instance:
        answer = self._bus.ask(request, InstanceAnswer, timeout=timeout)
        if answer.instance is None:
            raise NotFound(f"No PocketBase instance for user {request.user_id}")
        return answer.instance


CALLS = (
    "init_pb",
    "pb_status",
    "stop_pb",
    "pb_token",
    "revoke_tokens",
    "metadata",
    "pb",
    "undelete",
    "rename",
    "clone",
    "backups",
    "backup_policy",
    "prove",
    "fetch",
    "restore",
    "undo_restore",
    "confirm_restore",
    "import",
    "usage",
    "history",
    "logs",
    "sleep",
    "wake",
    "move",
    "verify",
)
"""The last word of every path about a user."""


def refuse_odd_path(req: falcon.Request, resp: falcon.Response, **params: str) -> None:
    """Answer for paths under ``/api/users/`` that no route takes: an id with a slash, mostly."""
    user_id, _, call = params["rest"].rpartition("/")
    if call in CALLS:
        raise InvalidUserId(f"Invalid user ID {user_id!r}: it is empty or has a slash")
    raise NotFound(f"No such route: {req.method} {req.path}")


OPERATIONS = (
    Operation(
        call="POST /api/users/{user_id}/init_pb",
        summary="Have the user's instance running",
        details="A call that comes while it starts joins that start: there is never a second "
        "process.",
        group="Instances",
        query={
            "wait": Query(
                type=Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT)],
                meaning="For how many seconds to wait, 0: not at all; without it, as long as a "
                "start may take",
            )
        },
        body=InitBody,
        replies={
            200: Reply(what="It is Running", body=InstanceReply),
            202: Reply(
                what="The start is under way",
                body=InstanceReply,
                headers={"Location": "Where to ask how it is"},
            ),
        },
        errors=(
            Conflict,
            TooManyStarts,
            ProcessError,
            InstanceIOError,
            NoPorts,
            StartTimeout,
            NotFound,
        ),
    ),
    Operation(
        call="GET /api/users/{user_id}/pb_status",
        summary="Tell how the user's instance is",
        group="Instances",
        query={
            "include": Query(type=Literal["metadata"], meaning="Tell also the app's metadata"),
        },
        replies={200: Reply(what="As it is now; null: there is none", body=StatusReply)},
    ),
    Operation(
        call="POST /api/users/{user_id}/stop_pb",
        summary="Have the user's instance stopped",
        details="The data stays. It succeeds also when it was stopped already.",
        group="Instances",
        replies={200: Reply(what="Its process is gone", body=InstanceReply)},
        errors=(NotFound, Conflict, ProcessError, InstanceIOError),
    ),
)
