"""Watchman: the manager's side of the guard."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from actors.cluster import guard
from actors.process import Piped, pipe_to

RETRY = 1.0
"""Seconds to the next try to have a guard."""
LAST_SWEEP = 10.0
"""Seconds that the guard may take to kill what is left when the manager ends."""

log = logging.getLogger(__name__)


class Watchman:
    """Keeps a guard, and tells it how long it may look on. Any thread may use it."""

    def __init__(self, mark: str, kill_files: Sequence[Path], fenced: Callable[[], None]) -> None:
        """``fenced`` is called when the guard has killed all tenants; on a thread of this."""
        program = (sys.executable, "-I", str(Path(guard.__file__).resolve()))
        self._command = (*program, mark, *map(str, kill_files))
        self._sweeper = guard.Guard(mark, map(str, kill_files))
        self._fenced = fenced
        self._numbers = itertools.count(1)
        self._swept = 0
        self._open = False
        self._said = threading.Condition()
        self._closed = False
        self._until = 0.0
        self._guard = pipe_to(self._command)
        self._reader = threading.Thread(target=self._read, name="guard", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """That of the guard."""
        return self._guard.pid

    def until(self, deadline: float, *, patience: float = 0.0) -> None:
        """Have it look on until then, in seconds of CLOCK_BOOTTIME.

        Where it did not before, it may still kill who comes until ``patience`` seconds are over,
        or it has heard.
        """
        with self._said:
            self._until = deadline
            self._tell(f"until {deadline:.6f}")
            self._said.wait_for(lambda: self._open, patience)

    def sweep(self, patience: float) -> bool:
        """Have it kill everything; whether nothing is left within ``patience`` seconds."""
        with self._said:
            self._until, self._open, number = 0.0, False, next(self._numbers)
            self._tell(f"sweep {number}")
            return self._said.wait_for(lambda: self._swept >= number, patience)

    def close(self) -> None:
        """End it; it kills what is left before it ends. Again: nothing.

        What cannot be killed is left to it: it goes on trying, and no host with these data joins.
        """
        with self._said:
            if self._closed:
                return
            self._closed = True
        self._guard.close_input()
        self._reader.join(LAST_SWEEP)
        if self._reader.is_alive():
            log.error(
                "some instances do not end when they are killed: the guard, pid %d, goes on trying,"
                " and this host joins no more until they have ended",
                self.pid,
            )
        else:
            self._guard.wait()

    def _tell(self, what: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has died: another one is started
            self._guard.write(f"{what}\n".encode())

    def _read(self) -> None:
        current: Piped | None = self._guard
        while current is not None:
            for line in current.lines():
                self._hear(line)
            current = self._replace()

    def _hear(self, line: bytes) -> None:
        word, _, number = line.decode().partition(" ")
        if word == "swept":
            with self._said:
                self._swept = int(number)
                self._said.notify_all()
        elif word == "open":
            with self._said:
                self._open = True
                self._said.notify_all()
        elif word == "fenced":
            self._fenced()

    def _replace(self) -> Piped | None:
        """Nobody is to run unguarded: start another one, unless it was ended by us.

        Until there can be one, everything is ended from here, and nobody joins without one.
        """
        while True:
            with self._said:
                if self._closed:
                    return None
                try:
                    return self._start_another()
                except OSError as error:
                    log.error("all is ended, since no guard can be started: %s", error)
            self._sweeper.sweep()
            self._fenced()
            with self._said:
                self._said.wait_for(lambda: self._closed, RETRY)

    def _start_another(self) -> Piped:
        log.error("the guard has died and is replaced")
        self._guard.wait()
        self._guard = pipe_to(self._command)
        if self._until:
            self._tell(f"until {self._until:.6f}")
        return self._guard
