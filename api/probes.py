"""``/livez`` and ``/readyz``: for whoever starts, watches and routes to the manager."""

from __future__ import annotations

from typing import Literal

import falcon
import msgspec

from api.input import read_query
from api.openapi.operation import Operation, Reply
from api.readiness import what_hinders
from api.replies import write
from bus.client import BusClient


class LiveReply(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyReply(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls can be served; ``reasons`` is empty when they can."""

    status: Literal["ready", "unready"]
    reasons: list[str]


class ProbeResource:
    """Asks on every call: a probe wants to know how it is now."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get_live(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /livez``."""
        read_query(req)
        write(resp, LiveReply())

    def on_get_ready(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /readyz``."""
        read_query(req)
        reasons = what_hinders(self._bus)
        if reasons:
            resp.status = falcon.HTTP_503
            resp.set_header("Retry-After", "1")
        write(resp, ReadyReply(status="unready" if reasons else "ready", reasons=reasons))


OPERATIONS = (
    Operation(
        call="GET /livez",
        summary="Tell that the process answers: if it does not, it is to be restarted",
        group="Manager",
        replies={200: Reply(what="It does", body=LiveReply)},
    ),
    Operation(
        call="GET /readyz",
        summary="Tell whether calls can be served: the bus is up, the actors answer, and the "
        "registry can be written",
        group="Manager",
        replies={
            200: Reply(what="They can", body=ReadyReply),
            503: Reply(
                what="They cannot, for these reasons",
                body=ReadyReply,
                headers={"Retry-After": "After how many seconds to ask again"},
            ),
        },
    ),
)
