"""Proxy: passes requests on to the instance that is meant."""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import aiohttp
import msgspec
import yarl
from aiohttp import web
from multidict import CIMultiDict

from api.gateway.limits import Rate, Room
from api.gateway.refusals import Refusal, absent, broken, superuser, too_large
from api.gateway.routes import Place, Routes
from api.gateway.target import Target, target_of
from bus.labels import LABEL

QUIET = 360.0
"""Seconds without a byte until a connection is given up: PocketBase's five minutes, and one."""
CONNECT = 1.0
"""Seconds until whoever does not take a connection is asked for again."""
PATIENCE = 3.0
"""Seconds over which a request that nobody has answered is tried again: a restart takes less."""
PAUSE = 0.05
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
"""What may have been carried out is never repeated, but for these."""
NEIGHBOURS = ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect")
NOT_PASSED_ON = frozenset(
    (
        *NEIGHBOURS,
        "proxy-authenticate",
        "proxy-authorization",
        "x-forwarded-for",
        "x-forwarded-proto",
        "forwarded",
    )
)
"""What is said between two neighbours only (RFC 9110, 7.6.1), and what only the door says."""
SUPERUSER = re.compile(
    r"/+api/+collections/+(_superusers|pbc_3142635823)/+(auth-|request-|confirm-|impersonate)",
    re.IGNORECASE,
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the manager has the door do."""

    domain: str
    wake: Path
    """The socket file on which the manager is asked."""
    requests: int
    connections: int
    wakes: int
    most_bytes: int
    superusers: bool
    """Whether they may sign in."""


class Proxy:
    """Serves all users. Made within the running loop, and closed there."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._suffix = f".{options.domain}"
        self._routes = Routes(options.wake)
        now = asyncio.get_running_loop().time
        self._requests, self._wakes = Rate(options.requests, now), Rate(options.wakes, now)
        self._room = Room(options.connections)
        # Each request has a connection of its own: one that was kept could end with its instance
        # just when a request has been sent that must not be repeated.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=QUIET),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close what is open to the instances and the manager."""
        await self._session.close()
        await self._routes.close()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            target = target_of(request)
            if target.path == "*":
                return web.Response(status=204)
            label = self._label(target)
            self._requests.count(label)
            self._check(request, target)
            with self._room.enter(label):
                async with await self._ask(request, target, label) as answer:
                    return await _stream(request, answer)
        except Refusal as refusal:
            return refusal.answer()
        except aiohttp.ClientError:
            return broken().answer()

    def _label(self, target: Target) -> str:
        host = target.authority.partition(":")[0].lower()
        label = host.removesuffix(self._suffix)
        if host == label or not LABEL.fullmatch(label):
            raise absent()
        return label

    def _check(self, request: web.BaseRequest, target: Target) -> None:
        if (request.content_length or 0) > self._options.most_bytes:
            raise too_large()
        path = urllib.parse.unquote(target.path)
        if not self._options.superusers and SUPERUSER.match(path):
            raise superuser()

    async def _ask(
        self, request: web.BaseRequest, target: Target, label: str
    ) -> aiohttp.ClientResponse:
        """Pass it on, and again as long as that is harmless and the instance is not back yet."""
        loop = asyncio.get_running_loop()
        last = loop.time() + PATIENCE
        place = self._routes.known(label)
        while True:
            if place is None:
                place = await self._find(label, request.remote or "")
                last = max(last, loop.time() + PATIENCE)
            try:
                return await self._send(request, target, place)
            except aiohttp.ClientConnectionError as error:
                if loop.time() > last or not _may_be_repeated(request, error):
                    raise
            place = None
            await asyncio.sleep(PAUSE)

    async def _find(self, label: str, caller: str) -> Place:
        """Return where the user's instance answers; a caller who has woken many wakes no more."""
        may_wake = self._wakes.take(caller)
        place, woken = await self._routes.find(label, wake=may_wake)
        if not woken:
            self._wakes.give_back(caller)
        return place

    async def _send(
        self, request: web.BaseRequest, target: Target, place: Place
    ) -> aiohttp.ClientResponse:
        headers = _passed_on(request.headers.items())
        headers["Host"] = target.authority
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Proto"] = "http"
        body = _Body(request, self._options.most_bytes) if request.can_read_body else None
        try:
            return await self._session.request(
                request.method,
                yarl.URL(f"http://{place}{target.path}", encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        except aiohttp.ClientError:
            if body is not None and body.is_too_large:
                raise too_large() from None
            raise


class _Body:
    """The body as it comes, up to the limit also where no length was announced."""

    def __init__(self, request: web.BaseRequest, most_bytes: int) -> None:
        self.is_too_large = False
        self._request = request
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        passed = 0
        async for chunk in self._request.content.iter_any():
            passed += len(chunk)
            if passed > self._most_bytes:
                self.is_too_large = True  # who sends it tells of a broken connection only
                raise too_large()
            yield chunk


def _may_be_repeated(request: web.BaseRequest, error: aiohttp.ClientConnectionError) -> bool:
    """Whether nothing was sent, or nothing that does harm when it is sent twice."""
    unsent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return unsent or (request.method in REPEATABLE and not request.can_read_body)


def _passed_on(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers if name.lower() not in NOT_PASSED_ON
    )


async def _stream(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """Pass the answer on as it comes, event by event."""
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=_passed_on(answer.headers.items())
    )
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError:  # half an answer must not look like a whole one
        if request.transport is not None:
            request.transport.abort()
    await response.write_eof()
    return response
