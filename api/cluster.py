"""``/api/cluster``, and ``move`` and ``verify`` of one user: the hosts that share their users."""

from __future__ import annotations

from typing import Annotated

import falcon
import msgspec

from api.input import read_body, read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import ClusterAnswer, DrillAnswer, MovesAnswer, PlaceAnswer
from bus.client import BusClient
from bus.errors import BackupError, Conflict, NotFound
from bus.requests import DrainHost, GetCluster, MoveInstance, RebalanceHost, VerifyReplica

MOVE_TIMEOUT = 150.0
"""Seconds that a move may take: the end of the process, its last copy, the restore, the start."""
DRILL_TIMEOUT = 600.0
"""Seconds that a restore for a trial may take."""

HostName = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]


class HostBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which host."""

    host: HostName


class DrainBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which host is drained."""

    host: HostName
    off: bool = False
    """It takes users again, instead."""


class ClusterResource:
    """The cluster, as the host that is asked knows it, and what is done with it."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/cluster``."""
        read_query(req)
        write(resp, self._bus.ask(GetCluster(), ClusterAnswer))

    def on_post_drain(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``POST /api/cluster/drain``."""
        read_query(req)
        body = read_body(req, DrainBody)
        write(resp, self._bus.ask(DrainHost(host=body.host, off=body.off), MovesAnswer))

    def on_post_rebalance(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``POST /api/cluster/rebalance``."""
        read_query(req)
        request = RebalanceHost(host=read_body(req, HostBody).host)
        write(resp, self._bus.ask(request, MovesAnswer))

    def on_post_move(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/move``."""
        read_query(req)
        request = MoveInstance(user_id=user_id, host=read_body(req, HostBody).host)
        write(resp, self._bus.ask(request, PlaceAnswer, timeout=MOVE_TIMEOUT))

    def on_post_verify(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/verify``."""
        read_query(req)
        request = VerifyReplica(user_id=user_id)
        write(resp, self._bus.ask(request, DrillAnswer, timeout=DRILL_TIMEOUT))


OPERATIONS = (
    Operation(
        call="GET /api/cluster",
        summary="Tell which hosts there are, and how many users each has",
        group="Cluster",
        replies={200: Reply(what="As the host that is asked knows it", body=ClusterAnswer)},
        errors=(NotFound,),
    ),
    Operation(
        call="POST /api/cluster/drain",
        summary="Have a host get nobody new, and hand over whom it has",
        group="Cluster",
        body=DrainBody,
        body_required=True,
        replies={200: Reply(what="It has begun, with these users", body=MovesAnswer)},
        errors=(NotFound,),
    ),
    Operation(
        call="POST /api/cluster/rebalance",
        summary="Have a host hand over those users who belong elsewhere",
        group="Cluster",
        body=HostBody,
        body_required=True,
        replies={200: Reply(what="It has begun, with these users", body=MovesAnswer)},
        errors=(NotFound,),
    ),
    Operation(
        call="POST /api/users/{user_id}/move",
        summary="Have another host own the user",
        group="Cluster",
        body=HostBody,
        body_required=True,
        replies={200: Reply(what="It runs there, or stands still there", body=PlaceAnswer)},
        errors=(NotFound, Conflict, BackupError),
    ),
    Operation(
        call="POST /api/users/{user_id}/verify",
        summary="Restore the user's replica into a place of its own, and check what came out",
        group="Cluster",
        replies={200: Reply(what="It was restored and is well", body=DrillAnswer)},
        errors=(NotFound, Conflict, BackupError),
    ),
)
