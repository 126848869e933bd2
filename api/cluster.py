"""``/api/cluster``: the hosts that share their users."""

from __future__ import annotations

import falcon

from api.input import read_query
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.answers import ClusterAnswer
from bus.client import BusClient
from bus.errors import NotFound
from bus.requests import GetCluster


class ClusterResource:
    """The cluster, as the host that is asked knows it."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/cluster``."""
        read_query(req)
        write(resp, self._bus.ask(GetCluster(), ClusterAnswer))


OPERATIONS = (
    Operation(
        call="GET /api/cluster",
        summary="Tell which hosts there are, and how many users each has",
        group="Cluster",
        replies={200: Reply(what="As the host that is asked knows it", body=ClusterAnswer)},
        errors=(NotFound,),
    ),
)
