"""Restores: for how long nobody answers, beside a warm start of the same data."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.backups.sides import USER, Ours, ours, theirs
from tests.benchmarks.table import Row, at_most

LONGEST = 3.0
"""How many warm starts a restore's standstill may take."""
PAUSE = 0.001
GIVEN_UP = 60.0


class Visitor(threading.Thread):
    """Asks for the health again and again, over a connection that is made anew when it breaks."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVEN_UP)
        self._last = time.monotonic()
        self.longest = 0.0
        """The longest time between two answers, in seconds."""
        self.done = threading.Event()

    def run(self) -> None:
        """Ask until it is done."""
        while not self.done.wait(PAUSE):
            if self._answers():
                now = time.monotonic()
                self.longest = max(self.longest, now - self._last)
                self._last = now

    def _answers(self) -> bool:
        try:
            self._line.request("GET", "/api/health")
            answer = self._line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._line.close()
            return False
        return answer.status == 200


def measure(data: Path, root: Path, rounds: int) -> list[Row]:
    """Start, restore with the manager, and have PocketBase restore, in turn."""
    starts, restores, theirs_took = [], [], []
    with ours(data) as us, theirs(data, root) as them:
        backup = us.backups.make()
        assert them.back_up()
        for _ in range(rounds):
            starts.append(_warm_start(us))
            restores.append(_standstill(us.port, lambda: _restore(us, backup)))
            theirs_took.append(_standstill(them.port, them.restore))
    return [
        at_most("restore: nobody answers (bare: a warm start)", LONGEST, restores, starts),
        Row(
            what="the same, of PocketBase's own restore",
            unit="ms",
            ours=[1000 * each for each in theirs_took],
        ),
    ]


def _warm_start(us: Ours) -> float:
    us.manager.api.stop(USER)
    began = time.monotonic()
    us.run()
    return time.monotonic() - began


def _restore(us: Ours, backup: str) -> None:
    port = us.port
    us.backups.restore(backup)
    us.run()
    assert us.port == port


def _standstill(port: int, work: Callable[[], None]) -> float:
    """Return the seconds in which nobody answers while ``work`` is done."""
    with visited(port) as visitor:
        work()
    return visitor.longest


@contextmanager
def visited(port: int) -> Iterator[Visitor]:
    """Have somebody ask all the time."""
    visitor = Visitor(port)
    visitor.start()
    try:
        yield visitor
    finally:
        visitor.done.set()
        visitor.join()
