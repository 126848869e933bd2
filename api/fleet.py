"""``/api/pb_instances`` and ``/health/pb``: all instances, and the manager itself."""

from __future__ import annotations

import falcon
import msgspec

from api.input import read_query
from bus.answers import HealthAnswer, InstancesAnswer
from bus.client import BusClient
from bus.errors import InvalidRequest, Unavailable
from bus.requests import MAX_PAGE, ListInstances
from bus.requests import GetHealth as GetHealthRequest
from bus.states import Status

HEALTH_TIMEOUT = 2.0
"""How long the actor system may take to say that it is there, in seconds."""


class FleetResource:
    """The list of instances."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/pb_instances?status=&limit=&after=``."""
        query = read_query(req, {"status", "limit", "after"})
        request = ListInstances(
            status=_status(query.get("status")),
            limit=_limit(query.get("limit")),
            after=query.get("after", ""),
        )
        answer = self._bus.ask(request, InstancesAnswer)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(
            {
                "instances": answer.instances,
                "count": len(answer.instances),
                "total": answer.total,
                "next": answer.next,
            }
        )


class HealthResource:
    """Whether the manager works."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /health/pb``."""
        read_query(req)
        resp.content_type = falcon.MEDIA_JSON
        try:
            answer = self._bus.ask(GetHealthRequest(), HealthAnswer, timeout=HEALTH_TIMEOUT)
        except Unavailable as error:
            resp.status = falcon.HTTP_503
            resp.set_header("Retry-After", "1")
            resp.data = msgspec.json.encode({"status": "unavailable", "message": error.message})
            return
        resp.data = msgspec.json.encode(
            {
                "status": "ok",
                "total_instances": answer.total_instances,
                "running_instances": answer.running_instances,
                "timestamp": answer.at,
                "disk_free_bytes": answer.disk_free_bytes,
                "disk_low": answer.disk_low,
            }
        )


def _status(text: str | None) -> Status | None:
    if text is None or text == "":
        return None
    try:
        return Status(text)
    except ValueError:
        raise InvalidRequest(f"status={text!r}: takes one of {', '.join(Status)}") from None


def _limit(text: str | None) -> int:
    if text is None:
        return 1_000
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"limit={text!r}: takes 1 to {MAX_PAGE}")
    return limit
