"""``/api/door``, and ``door`` of one user: who was asked for, woken, and asleep."""

from __future__ import annotations

from typing import Annotated

import falcon
import msgspec

from api.input import read_count, read_query
from api.openapi.operation import Operation, Query, Reply
from api.replies import write
from bus.answers import DoorAnswer, DoorUseAnswer
from bus.client import BusClient
from bus.errors import NotFound
from bus.requests import MAX_PAGE, GetDoor, GetDoorUse

BUSIEST = 20


class DoorResource:
    """The use of the public door."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get_all(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/door``."""
        query = read_query(req, {"limit"})
        limit = read_count(query, "limit", default=BUSIEST, least=0, most=MAX_PAGE)
        write(resp, self._bus.ask(GetDoor(limit=limit), DoorAnswer))

    def on_get_user(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/door``."""
        read_query(req)
        write(resp, self._bus.ask(GetDoorUse(user_id=user_id), DoorUseAnswer))


OPERATIONS = (
    Operation(
        call="GET /api/door",
        summary="Tell how much all users were asked for at the door, woken and asleep",
        group="Monitoring",
        query={
            "limit": Query(
                type=Annotated[int, msgspec.Meta(ge=0, le=MAX_PAGE)],
                meaning="how many of the busiest users are named",
                default=BUSIEST,
            )
        },
        replies={200: Reply(what="Since the manager was started", body=DoorAnswer)},
    ),
    Operation(
        call="GET /api/users/{user_id}/door",
        summary="Tell how much the user's instance was asked for at the door, woken and asleep",
        group="Monitoring",
        replies={200: Reply(what="Since the manager was started", body=DoorUseAnswer)},
        errors=(NotFound,),
    ),
)
