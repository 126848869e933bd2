"""Telling systemd how the manager is: that it serves, that it stops, and that it is still well.

The protocol is one datagram of ``NAME=value`` lines to the Unix socket that ``NOTIFY_SOCKET`` names
(sd_notify(3)); ``WATCHDOG_USEC`` says within which time the next ``WATCHDOG=1`` is expected
(sd_watchdog_enabled(3)). Where these are not set, nobody is told, and nothing is looked at.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping

from bus.answers import HealthAnswer
from bus.client import BusClient
from bus.errors import PblmError
from bus.requests import GetHealth

LOOKS = 3
"""How often systemd is told within the time that it allows: one look may come late."""

log = logging.getLogger(__name__)


class Notifier:
    """Sends systemd what it wants to know; silent where there is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def tell(self, *lines: str) -> None:
        """Send the lines, such as ``READY=1``; what goes wrong is logged and nothing more."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", " ".join(lines), error)


def watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return the time within which this process must say that it is well; None: it need not."""
    meant = environ.get("WATCHDOG_PID", str(os.getpid()))
    microseconds = environ.get("WATCHDOG_USEC", "")
    if meant != str(os.getpid()) or not microseconds.isdecimal() or not int(microseconds):
        return None
    return int(microseconds) / 1_000_000


class Watchdog:
    """Looks whether the manager is well, and only then says so: else systemd starts it again.

    The look goes the way of every call: over the bus to the supervisor and back. What another
    start would not mend, a full disk for one, does not count.
    """

    def __init__(
        self,
        notifier: Notifier,
        bus: BusClient,
        *,
        serves: Callable[[], bool],
        within: float | None,
    ) -> None:
        """``serves`` tells whether HTTP does; ``within`` is in seconds, None: nobody watches."""
        self._notifier = notifier
        self._bus = bus
        self._serves = serves
        self._pause = 0.0 if within is None else within / LOOKS
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog")

    def start(self) -> None:
        """Look from now on."""
        if self._pause:
            self._thread.start()

    def close(self) -> None:
        """Look no more; before the bus's client is closed."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._look()
            except PblmError as error:
                log.error("not well, so systemd is not told otherwise: %s", error.message)
            self._closing.wait(self._pause)

    def _look(self) -> None:
        health = self._bus.ask(GetHealth(), HealthAnswer, timeout=self._pause)
        if not self._serves():
            log.error("not well, so systemd is not told otherwise: HTTP is not served")
            return
        running, total = health.running_instances, health.total_instances
        self._notifier.tell("WATCHDOG=1", f"STATUS={running} of {total} instances run")
