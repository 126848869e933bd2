"""``/api/fleet``, and ``usage`` and ``history`` of one user: numbers, and what has been."""

from __future__ import annotations

import falcon

from api.input import read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import FleetAnswer, HistoryAnswer, UsageAnswer
from bus.client import BusClient
from bus.errors import NotFound
from bus.requests import GetFleet, GetHistory, GetUsage


class MonitorResource:
    """What was measured, and what has been."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get_fleet(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/fleet``."""
        read_query(req)
        write(resp, self._bus.ask(GetFleet(), FleetAnswer))

    def on_get_usage(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/usage``."""
        read_query(req)
        write(resp, self._bus.ask(GetUsage(user_id=user_id), UsageAnswer))

    def on_get_history(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/history``."""
        read_query(req)
        write(resp, self._bus.ask(GetHistory(user_id=user_id), HistoryAnswer))


OPERATIONS = (
    Operation(
        call="GET /api/fleet",
        summary="Tell of all instances together, of the manager and of its machine, in numbers",
        group="Monitoring",
        replies={200: Reply(what="As it was measured last", body=FleetAnswer)},
    ),
    Operation(
        call="GET /api/users/{user_id}/usage",
        summary="Tell what the user's instance took of the machine lately",
        group="Monitoring",
        replies={200: Reply(what="The latest look, and the curves", body=UsageAnswer)},
        errors=(NotFound,),
    ),
    Operation(
        call="GET /api/users/{user_id}/history",
        summary="Tell which statuses the user's instance went through, and why",
        group="Monitoring",
        replies={200: Reply(what="The latest transitions, oldest first", body=HistoryAnswer)},
        errors=(NotFound,),
    ),
)
