"""Serving: speaks to those who listen by WebSocket, in the event loop of one thread."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from api.live.entry import Entry, choose
from api.live.feed import Feed
from api.live.listener import Close, Listener
from api.live.room import Room
from api.live.wish import Wish
from api.problems import error_body, error_headers, http_status
from bus.client import BusClient
from bus.errors import PblmError, Unavailable
from bus.instance import Instance
from bus.settings import Settings
from bus.subscriber import Subscriber, Update, all_instances

MAX_LISTENERS = 500
PING = 20.0
"""Seconds between two pings, and until one that was not answered ends the connection."""
HANDSHAKE = 5.0
"""Seconds that a client gets to say what it wants."""
MAX_INCOMING = 1024
"""Bytes of a message that a client may send; none is taken."""

log = logging.getLogger(__name__)
quiet = logging.getLogger("websockets.server.quiet")
"""Who speaks no WebSocket, or hangs up, is no news; what is, is told by this file."""
quiet.setLevel(logging.CRITICAL)


class Serving:
    """Serves from :meth:`start` to :meth:`close`."""

    def __init__(self, bus: BusClient, settings: Settings, listener: socket.socket) -> None:
        """Whoever comes to the ``listener`` is let in; it is closed with the server."""
        self._bus = bus
        self._settings = settings
        self._socket = listener
        self._entry = Entry(settings.api_token, api_port=settings.api_port)
        self._room = Room(self._fetch)
        self._listeners: set[Listener] = set()
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="live")
        self._feed: Feed | None = None

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()
        subscriber = Subscriber(
            event_endpoint=self._settings.event_endpoint,
            command_endpoint=self._settings.command_endpoint,
            usage=True,
            heartbeats=True,
        )
        self._feed = Feed(subscriber, self._tell)
        self._feed.start()

    def close(self) -> None:
        """Say goodbye to the listeners, and end the threads."""
        if self._feed is not None:
            self._feed.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        elif not self._loop.is_closed():
            self._socket.close()
            self._loop.close()

    def _tell(self, update: Update) -> None:
        self._loop.call_soon_threadsafe(self._room.hear, update)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with serve(
            self._listen_to,
            sock=self._socket,
            process_request=self._admit,
            select_subprotocol=choose,
            compression=None,  # it is mostly loopback, and a proxy can do it better
            server_header=None,
            open_timeout=HANDSHAKE,
            ping_interval=PING,
            ping_timeout=PING,
            max_size=MAX_INCOMING,
            logger=quiet,
        ) as server:
            await self._closing.wait()
            server.close(close_connections=False)
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        ends = [each.end(CloseCode.GOING_AWAY, "the manager ends") for each in self._listeners]
        await asyncio.gather(*ends)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the HTTP answer to one who may not come in, or None."""
        try:
            self._entry.check(request.headers)
            Wish.read(request.path)
            if len(self._listeners) >= MAX_LISTENERS:
                raise Unavailable(f"{MAX_LISTENERS} listen already", retry_after=10)
        except PblmError as error:
            return _refusal(error)
        return None

    async def _listen_to(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        listener = Listener(connection, Wish.read(connection.request.path))
        self._listeners.add(listener)
        sending = asyncio.create_task(listener.send())
        try:
            await self._room.join(listener)
            await listener.until_closed()
        except Unavailable as error:
            await listener.end(Close.UNAVAILABLE, error.message)
        except Exception:
            log.exception("a listener is dropped by a bug")
        finally:
            self._room.leave(listener)
            self._listeners.discard(listener)
            sending.cancel()

    async def _fetch(self) -> dict[str, Instance]:
        return await asyncio.to_thread(all_instances, self._bus, usage=True)


def _refusal(error: PblmError) -> Response:
    """Return what :mod:`api.problems` answers over HTTP."""
    status, body = http_status(error), error_body(error)
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    headers["Connection"] = "close"
    for name, value in error_headers(error).items():
        headers[name] = value
    return Response(status.value, status.phrase, headers, body)
