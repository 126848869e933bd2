"""LiveServer: the port for WebSockets. Who serves there is loaded with the first caller.

That is an event loop and OpenSSL, 9 MB, which a house without a dashboard never needs.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from typing import TYPE_CHECKING

from api.server import listen
from bus.client import BusClient
from bus.settings import Settings

if TYPE_CHECKING:
    from api.live.serving import Serving


RETRY = 1.0
"""Seconds to the next try to serve."""

log = logging.getLogger(__name__)


class LiveServer:
    """Listens from the moment it is made, serves from :meth:`start` to :meth:`close`."""

    def __init__(self, bus: BusClient, settings: Settings, *, port: int) -> None:
        """Bind; raise :class:`SettingsError` naming the setting when that cannot be done.

        With ``port=0`` the system chooses one; ``port`` of the server tells which.
        """
        self._bus = bus
        self._settings = settings
        self._socket = listen(settings.api_host, port, setting="PB_LIVE_PORT")
        self.port: int = self._socket.getsockname()[1]
        self._bell: int | None = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._await_caller, name="live-door")
        self._serving: Serving | None = None

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to the listeners, and end the threads."""
        if self._bell is None:
            return
        os.eventfd_write(self._bell, 1)
        if self._thread.is_alive():
            self._thread.join()
        if self._serving is not None:
            self._serving.close()
        self._socket.close()
        os.close(self._bell)
        self._bell = None

    def _await_caller(self) -> None:
        """Serve when somebody has come, unless it is to end before."""
        assert self._bell is not None
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        poll.register(self._socket, select.POLLIN)
        while self._bell not in {fd for fd, _ in poll.poll()}:
            if self._serve():
                return
            pause = select.poll()
            pause.register(self._bell, select.POLLIN)
            pause.poll(1000 * RETRY)

    def _serve(self) -> bool:
        """Whether there is somebody now who serves."""
        from api.live.serving import Serving

        serving: Serving | None = None
        try:
            serving = Serving(self._bus, self._settings, self._socket.dup())
            serving.start()
        except Exception:  # no files left, no memory: the caller waits, and it may pass
            log.exception("the live view cannot be served yet")
            if serving is not None:
                serving.close()
            return False
        self._serving = serving
        return True
