"""The applications served by waitress: ApiServer to everybody, WakeServer to doors."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

import waitress.server
from waitress import wasyncore

from api.channel import Channel
from api.workers import Workers
from bus.errors import SettingsError
from bus.metrics import Metrics

THREADS = 128
"""Calls served at once: one that waits for a start holds a thread."""
MAX_CONNECTIONS = 1_000
MAX_BODY = 1024 * 1024
"""waitress cuts off larger bodies while they arrive, in bytes."""


class Server:
    """Listens from the moment it is made, serves from :meth:`start` to :meth:`close`."""

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        *,
        threads: int,
        name: str,
        channel: type[Channel] = Channel,
    ) -> None:
        """Connections are of class ``channel``; up to ``threads`` calls are served at once."""
        self._workers = Workers(threads, name)
        workers: Any = self._workers
        server: Any = waitress.server.create_server(
            app,
            sockets=[listener],
            _dispatcher=workers,  # waitress has no other way, and refuses names it does not know
            connection_limit=MAX_CONNECTIONS,
            max_request_body_size=MAX_BODY,
            channel_request_lookahead=1,  # else nobody notices that a caller has gone
            asyncore_use_poll=True,  # select() ends at file descriptor 1024
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        server.channel_class = channel  # waitress has no other way to give it one
        _never_wait(server.trigger)
        self._server = server
        self._thread = threading.Thread(target=server.run, name=name)

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the calls under way, the connections and the threads."""
        self._workers.shutdown()
        if self._thread.is_alive():
            self._server.trigger.pull_trigger(self._close_all)
            self._thread.join()
        else:
            self._close_all()

    def _close_all(self) -> None:
        wasyncore.close_all(self._server._map)


def _never_wait(trigger: Any) -> None:
    """Have the thread that reads never wait to wake itself: it serves calls, and they wake it."""
    os.set_blocking(trigger.trigger, False)
    pull = trigger._physical_pull

    def pull_unless_full() -> None:
        with contextlib.suppress(BlockingIOError):  # then it is awake anyway
            pull()

    trigger._physical_pull = pull_unless_full


class ApiServer(Server):
    """Serves the API."""

    def __init__(
        self,
        app: Any,
        *,
        host: str,
        port: int,
        channel: type[Channel] = Channel,
        metrics: Metrics | None = None,
    ) -> None:
        """Bind; raise :class:`SettingsError` naming the setting when that cannot be done.

        With ``port=0`` the system chooses one; ``port`` of the server tells which. Connections
        are of class ``channel``.
        """
        listener = listen(host, port, setting="PB_API_PORT")
        self.port: int = listener.getsockname()[1]
        super().__init__(app, listener, threads=THREADS, name="api", channel=channel)
        if metrics is not None:
            metrics.http_waiting.set_function(lambda: len(self._workers.queue))


class WakeServer(Server):
    """Serves the doors: on a port of loopback, or on a socket file for one account only."""

    def __init__(
        self, app: Any, at: int | Path, *, threads: int, account: tuple[int, int] | None = None
    ) -> None:
        """Bind; raise :class:`SettingsError` when that cannot be done.

        A socket file is for the uid and gid of ``account``, or for the manager's own.
        """
        if isinstance(at, Path):
            listener = _listen_on_file(at, account)
        else:
            listener = listen("127.0.0.1", at, setting="PB_WAKE_PORT")
        super().__init__(app, listener, threads=threads, name="wake")
        self._file = at if isinstance(at, Path) else None

    def close(self) -> None:
        """End it, and remove its socket file."""
        super().close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """Return a listening socket; raise :class:`SettingsError` naming the port's ``setting``."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise SettingsError(
            f"PB_API_HOST={host!r} {setting}={port}: cannot listen there "
            f"({reason}); stop what has it, or set another"
        ) from error
    return listener


def _listen_on_file(path: Path, account: tuple[int, int] | None) -> socket.socket:
    """Take the place of a socket file that a former manager has left."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        if account is not None:
            os.chown(path, *account)
        listener.listen()
    except OSError as error:
        listener.close()
        raise SettingsError(f"PB_DOOR: cannot listen on {path} ({error.strerror})") from error
    return listener
