"""``/wake?user=LABEL``: what a door asks before it passes a request on. For doors only.

And ``/tls-ask?domain=HOST``, for those that get a certificate for each host.

It has a server of its own, so that those who wait for a start never take a thread from the API,
and the other way round.
"""

from __future__ import annotations

import math
import threading
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import falcon

from api.server import WakeServer
from bus.answers import InstanceAnswer
from bus.client import BusClient
from bus.errors import Conflict, InvalidRequest, InvalidUserId, NotFound, PblmError, Unavailable
from bus.instance import Instance
from bus.requests import FindHost, WakeHost
from bus.settings import Settings
from bus.states import Desired, Status

THREADS = 160
"""Calls at once."""
MAX_WAITING = 150
"""Calls that wait at the same time; those beyond are told to come again."""
MAX_AGE = 2
"""Seconds for which a door may remember an answer; a freed port is nobody else's for longer."""
DEADLINE = 20.0
"""Seconds within which every call is answered."""
ABSENT = (NotFound, InvalidUserId, InvalidRequest)
"""Nobody knows the user."""


def create_wake_app(
    bus: BusClient, domain: str, host: str | None = None
) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the WSGI application for doors; ``host`` is the name of this one in a cluster."""
    app = falcon.App()
    app.add_sink(WakeSink(bus, host), r"/wake$")
    app.add_route("/tls-ask", TlsResource(bus, domain))
    return app


def wake_servers(bus: BusClient, settings: Settings) -> list[WakeServer]:
    """Return a server for each place where doors ask; :class:`SettingsError` as they raise it."""
    host = settings.cluster_host if settings.cluster_etcd else None
    app, places = create_wake_app(bus, settings.domain, host), settings.wake_places
    account = settings.door_account
    return [WakeServer(app, place, threads=THREADS, account=account) for place in places]


class WakeSink:
    """Answers any method: some doors ask with that of the request that they hold."""

    def __init__(self, bus: BusClient, host: str | None) -> None:
        self._bus = bus
        self._host = host
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)

    def __call__(self, req: falcon.Request, resp: falcon.Response, **params: Any) -> None:
        """Say where the user's instance answers, once it does.

        200 with ``X-PB-Port``; 403 for whoever is not to be started; 503 with ``Retry-After``.
        In a cluster also with ``X-PB-Address``. A door that does not say that it looks at it, by
        ``hosts=1``, is not told of other hosts: it would take their ports for those of this one.

        A door that limits wakes says ``asleep=tell``, and gets ``X-PB-Woken: 1`` for whoever did
        not run; with ``asleep=leave`` that one is left asleep, and answered with 429.
        """
        label, asleep = req.get_param("user") or "", req.get_param("asleep")
        resp.set_header("Cache-Control", f"max-age={MAX_AGE}")
        try:
            woken = asleep in ("tell", "leave") and not self._runs(label)
            if woken and asleep == "leave":
                resp.status = HTTPStatus.TOO_MANY_REQUESTS
                return
            instance = self._wake(label)
            if self._is_elsewhere(instance) and req.get_param("hosts") != "1":
                raise Unavailable(f"It is on host {instance.host}", retry_after=5)
        except PblmError as error:
            if _is_absent(error):
                resp.status = HTTPStatus.FORBIDDEN
                return
            resp.status = HTTPStatus.SERVICE_UNAVAILABLE
            resp.set_header("Cache-Control", "no-store")
            resp.set_header("Retry-After", str(max(1, math.ceil(error.retry_after or 1))))
        else:
            resp.set_header("X-PB-Port", str(instance.port))
            if self._host is not None:
                resp.set_header("X-PB-Address", urlsplit(instance.url or "").hostname or "")
            resp.set_header("X-PB-User", label)
            if woken:
                resp.set_header("X-PB-Woken", "1")

    def _is_elsewhere(self, instance: Instance) -> bool:
        return self._host is not None and instance.host != self._host

    def _runs(self, label: str) -> bool:
        found = self._bus.ask(FindHost(label=label), InstanceAnswer).instance
        return found is not None and found.status is Status.RUNNING

    def _wake(self, label: str) -> Instance:
        if not self._waiting.acquire(blocking=False):
            raise Unavailable("Too many calls wait already", retry_after=1)
        try:
            answer = self._bus.ask(WakeHost(label=label), InstanceAnswer, timeout=DEADLINE)
        finally:
            self._waiting.release()
        if answer.instance is None or answer.instance.port is None:
            raise Unavailable("It has no port", retry_after=1)
        return answer.instance


class TlsResource:
    """``/tls-ask?domain=HOST``: whether a door may get a certificate for that host."""

    def __init__(self, bus: BusClient, domain: str) -> None:
        self._bus = bus
        self._suffix = f".{domain}"

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200 for the host of a user who is there, asleep as well; 403 for every other."""
        host = (req.get_param("domain") or "").lower()
        try:
            if not host.endswith(self._suffix):
                raise NotFound(f"No user has the host {host}")
            request = FindHost(label=host.removesuffix(self._suffix))
            found = self._bus.ask(request, InstanceAnswer).instance
            if found is None or found.deleted_at is not None:
                raise NotFound(f"No user has the host {host}")
        except ABSENT:
            resp.status = HTTPStatus.FORBIDDEN
        except PblmError:
            resp.status = HTTPStatus.SERVICE_UNAVAILABLE


def _is_absent(error: PblmError) -> bool:
    """Whether nothing is to be started: the user is unknown, or was stopped or deleted."""
    about = error.instance
    stopped = about is None or about.desired is Desired.STOPPED
    return isinstance(error, ABSENT) or (isinstance(error, Conflict) and stopped)
