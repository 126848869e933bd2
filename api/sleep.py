"""``/api/users/{user_id}/sleep`` and ``/wake``: an instance that nobody uses."""

from __future__ import annotations

import threading

import falcon
import msgspec

from api.input import read_body, read_query
from api.openapi.operation import Operation, Reply
from api.replies import InstanceReply, write
from bus.answers import InstanceAnswer, SleepAnswer
from bus.client import BusClient
from bus.errors import (
    Conflict,
    InstanceIOError,
    NoPorts,
    NotFound,
    ProcessError,
    StartTimeout,
    TooManyStarts,
    Unavailable,
)
from bus.requests import GetSleep, PutSleepPolicy, SleepInstance, WakeInstance
from bus.sleep import SleepPolicy
from bus.states import Status


class SleepReply(msgspec.Struct, frozen=True, kw_only=True):
    """When a user's instance sleeps, and why it does or does not now."""

    user_id: str
    policy: SleepPolicy
    """What was decided for this user."""
    status: Status
    idle_timeout: float | None
    """After how many idle seconds it sleeps; null: it does not."""
    idle_seconds: float | None
    """For how long nobody has used it; null unless it is Running."""
    open_connections: int
    why: str
    """Why it is awake, or why it sleeps, in words."""


class SleepResource:
    """Sleep of one user's instance: when, why, now, and the end of it."""

    def __init__(
        self, bus: BusClient, *, init_wait: float, stop_wait: float, waiting: threading.Semaphore
    ) -> None:
        """Waits are in seconds; each call that waits for a start holds one of ``waiting``."""
        self._bus = bus
        self._init_wait = init_wait
        self._stop_wait = stop_wait
        self._waiting = waiting

    def on_get_sleep(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/sleep``."""
        read_query(req)
        self._tell(resp, GetSleep(user_id=user_id))

    def on_put_sleep(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``PUT /api/users/{id}/sleep``."""
        read_query(req)
        self._tell(resp, PutSleepPolicy(user_id=user_id, policy=read_body(req, SleepPolicy)))

    def on_post_sleep(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/sleep``."""
        read_query(req)
        request = SleepInstance(user_id=user_id)
        answer = self._bus.ask(request, InstanceAnswer, timeout=self._stop_wait)
        message = "PocketBase instance sleeps"
        write(resp, InstanceReply(message=message, instance=answer.instance))

    def on_post_wake(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/wake``."""
        read_query(req)
        if not self._waiting.acquire(blocking=False):
            raise Unavailable("Too many calls wait for a start already", retry_after=1)
        try:
            request = WakeInstance(user_id=user_id)
            answer = self._bus.ask(request, InstanceAnswer, timeout=self._init_wait)
        finally:
            self._waiting.release()
        message = "PocketBase instance is awake"
        write(resp, InstanceReply(message=message, instance=answer.instance))

    def _tell(self, resp: falcon.Response, request: GetSleep | PutSleepPolicy) -> None:
        answer = self._bus.ask(request, SleepAnswer)
        write(resp, SleepReply(user_id=request.user_id, **answer.told()))


OPERATIONS = (
    Operation(
        call="POST /api/users/{user_id}/wake",
        summary="Have the user's instance answer, if it is to run",
        details="A sleeping one is woken, once, however many call. It makes no new user, starts "
        "nothing that was stopped, and does not hurry a crash loop.",
        group="Sleep",
        replies={200: Reply(what="It runs", body=InstanceReply)},
        errors=(
            NotFound,
            Conflict,
            TooManyStarts,
            ProcessError,
            InstanceIOError,
            NoPorts,
            StartTimeout,
        ),
    ),
    Operation(
        call="POST /api/users/{user_id}/sleep",
        summary="Put the user's instance to sleep, unless somebody uses it",
        group="Sleep",
        replies={200: Reply(what="It sleeps", body=InstanceReply)},
        errors=(NotFound, Conflict),
    ),
    Operation(
        call="GET /api/users/{user_id}/sleep",
        summary="Tell when the user's instance sleeps, and why it does or does not now",
        group="Sleep",
        replies={200: Reply(what="When and why", body=SleepReply)},
        errors=(NotFound,),
    ),
    Operation(
        call="PUT /api/users/{user_id}/sleep",
        summary="Decide when the user's instance sleeps, in place of what was decided before",
        group="Sleep",
        body=SleepPolicy,
        replies={200: Reply(what="When and why, as it is now", body=SleepReply)},
        errors=(NotFound, InstanceIOError),
    ),
)
