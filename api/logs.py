"""``/api/users/{user_id}/logs``: what the user's PocketBase wrote, and what it goes on to write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Annotated, Literal

import falcon
import msgspec

from api.input import read_count, read_query, read_wait
from api.openapi.operation import Operation, Query, Reply
from bus.answers import LogAnswer
from bus.client import BusClient
from bus.errors import InstanceIOError, InvalidRequest, NotFound, PblmError, Unavailable
from bus.metrics import Metrics
from bus.requests import MAX_LOG_CURSOR, MAX_LOG_LINES, MAX_LOG_WAIT, ReadLog
from bus.stopwatch import Stopwatch

MAX_FOLLOWERS = 16
"""Calls that follow, or wait, at the same time: each holds one of the server's threads."""
FOLLOW_SECONDS = 3600.0
"""The longest that one call follows."""
STEP = 0.5
"""Seconds after which a call that follows looks whether its caller is still there."""
PATIENCE = 5.0
"""Seconds that the manager is given for an answer beyond what it is to wait."""


class LogResource:
    """The log of one user's instance."""

    def __init__(self, bus: BusClient, metrics: Metrics) -> None:
        self._bus = bus
        self._count = metrics.http_followers
        self._slots = threading.BoundedSemaphore(MAX_FOLLOWERS)

    def on_get(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/logs?tail=&after=&wait=&follow=``."""
        query = read_query(req, {"tail", "after", "wait", "follow"})
        follow = _flag(query.get("follow"))
        request = ReadLog(
            user_id=user_id,
            lines=read_count(query, "tail", default=100, least=0, most=MAX_LOG_LINES),
            cursor=query.get("after"),
            wait_seconds=0.0 if follow else read_wait(query.get("wait"), 0.0, longest=MAX_LOG_WAIT),
        )
        with ExitStack() as held:
            if follow or request.wait_seconds:
                held.callback(self._take_slot())
            answer = self._bus.ask(request, LogAnswer, timeout=request.wait_seconds + PATIENCE)
            resp.content_type = falcon.MEDIA_TEXT
            resp.set_header("Log-Cursor", answer.cursor)
            if follow:
                gone = req.env.get("waitress.client_disconnected", lambda: False)
                resp.stream = Following(self._bus, answer, gone, held.pop_all().close)
            else:
                resp.text = answer.text

    def _take_slot(self) -> Callable[[], None]:
        if not self._slots.acquire(blocking=False):
            raise Unavailable(f"{MAX_FOLLOWERS} others follow a log already", retry_after=5)
        self._count.inc()
        return self._release_slot

    def _release_slot(self) -> None:
        self._count.dec()
        self._slots.release()


class Following:
    """The body of an answer that goes on: what was written, and what is written from then on.

    It ends when its caller has gone, when it has lasted :data:`FOLLOW_SECONDS`, or when the
    manager ends. The server closes it, whatever comes of it.
    """

    def __init__(
        self,
        bus: BusClient,
        first: LogAnswer,
        gone: Callable[[], bool],
        release: Callable[[], None],
    ) -> None:
        """``gone`` tells whether the caller is; ``release`` is called when it is closed."""
        self._bus = bus
        self._answer = first
        self._gone = gone
        self.close = release

    def __iter__(self) -> Iterator[bytes]:
        watch = Stopwatch()
        while watch.seconds() < FOLLOW_SECONDS and not self._gone():
            if self._answer.text:
                yield self._answer.text.encode()
            try:
                self._answer = self._more()
            except PblmError:  # it has begun with 200: all that is left is to end
                return

    def _more(self) -> LogAnswer:
        last = self._answer
        request = ReadLog(user_id=last.user_id, cursor=last.cursor, wait_seconds=STEP)
        return self._bus.ask(request, LogAnswer, timeout=STEP + PATIENCE)


def _flag(text: str | None) -> bool:
    if text not in (None, "", "0", "1"):
        raise InvalidRequest(f"follow={text!r}: takes 0 or 1")
    return text == "1"


OPERATIONS = (
    Operation(
        call="GET /api/users/{user_id}/logs",
        summary="Tell what the user's PocketBase wrote to its output",
        details="Whole lines only. A program that wants each line once asks with `after` and `wait`"
        " in turn; `follow` is for people.",
        group="Monitoring",
        query={
            "tail": Query(
                type=Annotated[int, msgspec.Meta(ge=0, le=MAX_LOG_LINES)],
                meaning="How many of the last lines",
                default=100,
            ),
            "after": Query(
                type=Annotated[str, msgspec.Meta(max_length=MAX_LOG_CURSOR)],
                meaning="Go on there, instead of with the last lines: a `Log-Cursor`",
            ),
            "wait": Query(
                type=Annotated[float, msgspec.Meta(ge=0, le=MAX_LOG_WAIT)],
                meaning="For how many seconds to wait when there is nothing to tell",
                default=0,
            ),
            "follow": Query(
                type=Literal[0, 1],
                meaning="1: go on with each line that is written, for an hour at most",
                default=0,
            ),
        },
        replies={
            200: Reply(
                what="The lines",
                media=falcon.MEDIA_TEXT,
                headers={"Log-Cursor": "Where to go on"},
            )
        },
        errors=(NotFound, InstanceIOError),
    ),
)
