"""Traced: gives every call an id, and writes one line about it when it is answered.

A read that is answered has no line: programs ask many times a second, and the metrics count them.
"""

from __future__ import annotations

import logging

import falcon

from bus import trace
from bus.logs import fields
from bus.stopwatch import Stopwatch

HEADER = "X-Request-ID"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
SLOW = 1.0
"""A read that took so many seconds has its line, as one that failed has."""

log = logging.getLogger("api.requests")


class Traced:
    """Middleware; the first one, so that all the others serve the call with its id."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take over the caller's id, or make one."""
        given = req.get_header(HEADER) or ""
        req.context.watch = Stopwatch()
        req.context.user_id = None
        req.context.request_id = given if trace.is_sane(given) else trace.new_request_id()
        req.context.serving = trace.serving(req.context.request_id)
        req.context.serving.__enter__()

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, str]
    ) -> None:
        """Note whom it is about."""
        req.context.user_id = params.get("user_id")

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """Tell the id, and write the line."""
        resp.set_header(HEADER, req.context.request_id)
        status = falcon.http_status_to_code(resp.status)
        seconds = req.context.watch.seconds()
        if req.method not in READS or not 200 <= status < 300 or seconds >= SLOW:
            _write(req, status, seconds)
        req.context.serving.__exit__(None, None, None)


def _write(req: falcon.Request, status: int, seconds: float) -> None:
    log.info(
        "%s %s: %d in %.1f ms",
        req.method,
        req.path,
        status,
        1000 * seconds,
        extra=fields(
            method=req.method,
            path=req.path,
            route=req.uri_template,
            user_id=req.context.user_id,
            status=status,
            duration_seconds=round(seconds, 6),
            remote=req.remote_addr,
        ),
    )
