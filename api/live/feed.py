"""Feed: the thread that hears the bus, once for all listeners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bus.subscriber import Subscriber, Update

log = logging.getLogger(__name__)


class Feed:
    """Tells every update of a subscriber, which it owns, from a thread of its own."""

    def __init__(self, subscriber: Subscriber, tell: Callable[[Update], None]) -> None:
        self._subscriber = subscriber
        self._tell = tell
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-feed")

    def start(self) -> None:
        """Hear from now on."""
        self._thread.start()

    def close(self) -> None:
        """Hear no more."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._subscriber.interrupt()
        if self._thread.is_alive():
            self._thread.join()
        self._subscriber.close()  # only here: the thread may end before it is interrupted

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                update = self._subscriber.receive()
                if update is not None:
                    self._tell(update)
            except Exception:
                log.exception("an update is lost by a bug; going on")
