"""ApiServer: the application served by waitress."""

from __future__ import annotations

import socket
import threading
from typing import Any

import waitress.server
from waitress import wasyncore
from waitress.channel import HTTPChannel

from bus.errors import SettingsError
from bus.metrics import Metrics

THREADS = 128
"""Calls served at once. A thread is cheap, and a call that waits for a start holds one."""
MAX_CONNECTIONS = 1_000
MAX_BODY = 1024 * 1024
"""waitress cuts off larger bodies while they arrive, in bytes."""


class ApiServer:
    """Listens from the moment it is made, serves from :meth:`start` to :meth:`close`."""

    def __init__(
        self,
        app: Any,
        *,
        host: str,
        port: int,
        channel: type[HTTPChannel] = HTTPChannel,
        metrics: Metrics | None = None,
    ) -> None:
        """Bind; raise :class:`SettingsError` naming the setting when that cannot be done.

        With ``port=0`` the system chooses one; ``port`` of the server tells which. Connections
        are of class ``channel``.
        """
        listener = listen(host, port, setting="PB_API_PORT")
        self.port: int = listener.getsockname()[1]
        server: Any = waitress.server.create_server(
            app,
            sockets=[listener],
            threads=THREADS,
            connection_limit=MAX_CONNECTIONS,
            max_request_body_size=MAX_BODY,
            channel_request_lookahead=1,  # else nobody notices that a caller has gone
            asyncore_use_poll=True,  # select() ends at file descriptor 1024
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        server.channel_class = channel  # waitress has no other way to give it one
        self._server: Any = server
        self._thread = threading.Thread(target=server.run, name="api")
        if metrics is not None:
            waiting = server.task_dispatcher.queue
            metrics.http_waiting.set_function(lambda: len(waiting))

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the calls under way, the connections and the threads."""
        self._server.task_dispatcher.shutdown()
        if self._thread.is_alive():
            self._server.trigger.pull_trigger(self._close_all)
            self._thread.join()
        else:
            self._close_all()

    def _close_all(self) -> None:
        wasyncore.close_all(self._server._map)


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
