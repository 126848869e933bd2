"""Once: what was asked for with a key is done once, however often it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

KEPT = 10_000
"""Keys that are remembered."""
KEPT_FOR = 600.0
"""Seconds for which they are."""
LARGEST = 64 * 1024
"""Bytes of an answer that is kept; what is written is answered in less."""

Send = Callable[[list[bytes]], None]


class Once:
    """See the module. Lives in one thread."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, _Entry] = OrderedDict()

    def begin(self, key: str, send: Send, now: float) -> bool:
        """Return whether it is to be done; else ``send`` is called with what came of it."""
        self._forget(now)
        entry = self._calls.get(key)
        if entry is None:
            self._calls[key] = _Entry(now, send)
            return True
        if entry.answer is None:
            entry.waiting.append(send)
        else:
            send(entry.answer)
        return False

    def end(self, key: str, answer: list[bytes], *, keep: bool) -> None:
        """Send ``answer`` to all who asked; unless it is to be kept, the next one begins anew."""
        entry = self._calls[key]
        waiting, entry.waiting = entry.waiting, []
        entry.answer = answer
        if not keep or sum(map(len, answer)) > LARGEST:
            del self._calls[key]
        for send in waiting:
            send(answer)

    def _forget(self, now: float) -> None:
        while self._calls:
            key, oldest = next(iter(self._calls.items()))
            old = len(self._calls) >= KEPT or now - oldest.since > KEPT_FOR
            if oldest.answer is None or not old:
                return
            del self._calls[key]


class _Entry:
    def __init__(self, since: float, first: Send) -> None:
        self.since = since
        self.waiting = [first]
        self.answer: list[bytes] | None = None
