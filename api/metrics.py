"""``/metrics``: everything that is counted and timed, for Prometheus."""

from __future__ import annotations

import falcon

from api.input import read_query
from api.openapi.operation import Operation, Reply
from bus.metrics import Metrics
from bus.metrics.metrics import UNMATCHED

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
"""Others are counted as one: a method may be any word."""


class MetricsResource:
    """The metrics of the house."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /metrics``."""
        read_query(req)
        resp.data, resp.content_type = self._metrics.exposition(req.accept)


class Counted:
    """Middleware behind :class:`api.trace.Traced`: counts and times every call by its route."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """Count it."""
        method = req.method if req.method in METHODS else "other"
        route = req.uri_template or UNMATCHED
        code = str(falcon.http_status_to_code(resp.status))
        self._metrics.http_requests.labels(method, route, code).inc()
        self._metrics.http_seconds.labels(method, route).observe(req.context.watch.seconds())


OPERATIONS = (
    Operation(
        call="GET /metrics",
        summary="Tell everything that is counted and timed, for Prometheus",
        group="Monitoring",
        replies={200: Reply(what="In the format of Prometheus", media="text/plain")},
    ),
)
