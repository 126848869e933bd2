"""``/api/rollout``: all running instances on their way to another PocketBase."""

from __future__ import annotations

from typing import Annotated

import falcon
import msgspec

from api.input import read_body, read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import RolloutAnswer
from bus.client import BusClient
from bus.errors import Conflict, InstanceIOError, NotFound, ProcessError
from bus.requests import MAX_WAVE, CancelRollout, GetRollout, StartRollout


class RolloutBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/rollout``."""

    canary: str | None = None
    wave: Annotated[int, msgspec.Meta(ge=1, le=MAX_WAVE)] = 4
    max_failures: Annotated[int, msgspec.Meta(ge=1, le=MAX_WAVE)] = 1
    settle_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0


class RolloutResource:
    """The one rollout that there can be."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/rollout``."""
        read_query(req)
        write(resp, self._bus.ask(GetRollout(), RolloutAnswer))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``POST /api/rollout``."""
        read_query(req)
        body = read_body(req, RolloutBody)
        request = StartRollout(
            canary=body.canary,
            wave=body.wave,
            max_failures=body.max_failures,
            settle_seconds=body.settle_seconds,
        )
        write(resp, self._bus.ask(request, RolloutAnswer))
        resp.status = falcon.HTTP_202
        resp.location = "/api/rollout"

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``DELETE /api/rollout``."""
        read_query(req)
        write(resp, self._bus.ask(CancelRollout(), RolloutAnswer))


OPERATIONS = (
    Operation(
        call="POST /api/rollout",
        summary="Upgrade all running instances to the PocketBase of the settings, in waves",
        details="One instance first, the canary. It stops at the first failures.",
        group="Upgrades",
        body=RolloutBody,
        replies={
            202: Reply(
                what="It has begun",
                body=RolloutAnswer,
                headers={"Location": "Where to ask how it stands"},
            )
        },
        errors=(NotFound, Conflict, ProcessError, InstanceIOError),
    ),
    Operation(
        call="GET /api/rollout",
        summary="Tell how the rollout stands, or how the last one ended",
        group="Upgrades",
        replies={200: Reply(what="The rollout; null: there never was one", body=RolloutAnswer)},
    ),
    Operation(
        call="DELETE /api/rollout",
        summary="Begin no further upgrade",
        group="Upgrades",
        replies={200: Reply(what="What has begun goes on", body=RolloutAnswer)},
        errors=(Conflict,),
    ),
)
