"""``GET /api/users/{user_id}/replica``: how far a user's data are replicated."""

from __future__ import annotations

import falcon

from api.input import read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import ReplicaAnswer
from bus.client import BusClient
from bus.errors import Conflict, NotFound
from bus.requests import GetReplica

PLACE_TIMEOUT = 100.0
"""How long a bucket may take to answer, tried again as it is, in seconds."""


class ReplicationResource:
    """What is known of the second copy."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/replica``."""
        read_query(req)
        request = GetReplica(user_id=user_id)
        write(resp, self._bus.ask(request, ReplicaAnswer, timeout=PLACE_TIMEOUT))


OPERATIONS = (
    Operation(
        call="GET /api/users/{user_id}/replica",
        summary="Tell how far the user's data are replicated, and how far back they can be had",
        group="Backups",
        replies={200: Reply(what="What is in the place of the replicas", body=ReplicaAnswer)},
        errors=(NotFound, Conflict),
    ),
)
