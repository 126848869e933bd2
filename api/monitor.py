"""``/api/fleet``, and ``usage`` and ``history`` of one user: numbers, and what has been."""

from __future__ import annotations

import falcon
import msgspec

from api.input import read_query
from bus.answers import Answer, FleetAnswer, HistoryAnswer, UsageAnswer
from bus.client import BusClient
from bus.requests import GetFleet, GetHistory, GetUsage


class MonitorResource:
    """What was measured, and what has been."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get_fleet(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/fleet``."""
        read_query(req)
        _write(resp, self._bus.ask(GetFleet(), FleetAnswer))

    def on_get_usage(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/usage``."""
        read_query(req)
        _write(resp, self._bus.ask(GetUsage(user_id=user_id), UsageAnswer))

    def on_get_history(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/history``."""
        read_query(req)
        _write(resp, self._bus.ask(GetHistory(user_id=user_id), HistoryAnswer))


def _write(resp: falcon.Response, answer: Answer) -> None:
    body = {name: getattr(answer, name) for name in answer.__struct_fields__ if name != "v"}
    resp.content_type = falcon.MEDIA_JSON
    resp.data = msgspec.json.encode(body)
