"""Channel: a connection. A call that is answered from memory is answered by who has read it.

waitress reads from all connections in one thread, and has every call served by another one. For a
call that waits for nothing that is two changes of threads for a fifth of a millisecond of work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel

IsQuick = Callable[[Any], bool]
"""Takes a call that waitress has read whole: its parser."""


class Channel(HTTPChannel):
    """A connection. The workers serve its calls, unless :attr:`is_quick` says otherwise."""

    is_quick: IsQuick = staticmethod(lambda call: False)
    requests: list[Any]
    _reader = 0
    _stays = False

    def stays(self) -> bool:
        """Whether the call that is next needs no worker: the thread that asks serves it itself.

        That is the one that reads, within :meth:`received`. waitress has its lock then.
        """
        if threading.get_ident() != self._reader or not self.is_quick(self.requests[0]):
            return False
        self._stays = True
        return True

    def received(self, data: bytes) -> Any:
        """Take in what has come, and serve the first of it if that stays."""
        self._reader = threading.get_ident()
        whole = super().received(data)
        self._reader = 0  # one at a time: what else has come with it is for the workers
        if self._stays:
            self._stays = False
            self.service()
        return whole


def quick(channel: type[Channel], is_quick: IsQuick) -> type[Channel]:
    """Return the class of connections whose quick calls stay."""
    return type("QuickChannel", (channel,), {"is_quick": staticmethod(is_quick)})
