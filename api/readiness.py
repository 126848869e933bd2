"""``/livez`` and ``/readyz``: for whoever starts, watches and routes to the manager."""

from __future__ import annotations

from typing import Literal

import falcon
import msgspec

from api.input import read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import HealthAnswer
from bus.client import BusClient
from bus.errors import PblmError
from bus.requests import GetHealth

READY_TIMEOUT = 2.0
"""How long the actor system may take to say that it is there, in seconds."""


class LiveReply(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyReply(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls can be served; ``reasons`` is empty when they can."""

    status: Literal["ready", "unready"]
    reasons: list[str]


def what_hinders(bus: BusClient) -> list[str]:
    """Return why calls could not be served now: nothing, mostly.

    Asked over the bus and answered by the supervisor, so bus and actors are up when this says so.
    """
    try:
        health = bus.ask(GetHealth(write=True), HealthAnswer, timeout=READY_TIMEOUT)
    except PblmError as error:
        return [f"actors: {error.message}"]
    return [] if health.registry_problem is None else [f"registry: {health.registry_problem}"]


class ReadinessResource:
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
