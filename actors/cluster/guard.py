"""Guard: a process beside the manager that kills what the host runs when its time is up.

It is told a deadline, over its standard input, after every renewal of the host's membership. When
one passes, or the manager ends, which ends the input, it kills all tenants, and whatever comes
late, until it is told of a deadline that lies ahead. So it also acts for a manager that is stopped,
swapped out or stuck. It says on its standard output what it has done::

    < until 1234.5        > open, if it was not before; fenced, later
    < sweep 7             > swept 7

Run as a file of its own, with nothing but the standard library: it must not fail, and be small.
Times are those of CLOCK_BOOTTIME, which goes on while the machine is suspended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator

MARK = "PBLM_TENANT"
"""The variable by which a tenant is known, and its children; its value names the host's data."""
TICK = 0.25
"""Seconds between two looks at the clock: a timer would stand still while the machine does."""
LATE = 0.03
"""Seconds between two looks for tenants that come late, at first."""
PATIENCE = 3.0
"""Seconds after which they are looked for once per TICK only."""
AFTERMATH = 0.5
"""Seconds that it goes on looking when the manager has ended: what that was just starting."""


class Guard:
    """What it knows; moved on by :meth:`run`."""

    def __init__(self, mark: str, kill_files: Iterable[str]) -> None:
        """``kill_files`` are those of the control groups that tenants are in (``cgroup.kill``)."""
        self._mark = f"{MARK}={mark}".encode()
        self._kill_files = tuple(kill_files)
        self._until = 0.0
        self._fenced_at: float | None = now()  # nothing may run before it is told so
        self._input = b""

    def run(self) -> None:
        """Until standard input ends, and nothing is left then."""
        while True:
            readable, _, _ = select.select([0], [], [], self._pause())
            if readable and not self._hear():
                break
            self._look()
        ended = now()
        while self.sweep() or now() < ended + AFTERMATH:
            select.select([], [], [], LATE)
        # The groups stay: a manager that is here again has them already.

    def _pause(self) -> float:
        if self._fenced_at is None:
            return max(0.0, min(TICK, self._until - now()))
        return LATE if now() < self._fenced_at + PATIENCE else TICK

    def _hear(self) -> bool:
        heard = os.read(0, 4096)
        *lines, self._input = (self._input + heard).split(b"\n")
        for line in lines:
            word, _, value = line.partition(b" ")
            if word == b"until":
                self._until = float(value)
                if self._until > now() and self._fenced_at is not None:
                    self._fenced_at = None
                    say("open")
            elif word == b"sweep":
                self._fence()
                self._end_all()
                say(f"swept {value.decode()}")
        return bool(heard)

    def _look(self) -> None:
        if self._fenced_at is None and now() >= self._until:
            self._fence()
            self._end_all()
            say("fenced")
        elif self._fenced_at is not None:
            self.sweep()

    def _fence(self) -> None:
        self._until, self._fenced_at = 0.0, now()

    def _end_all(self) -> None:
        """Return when nothing is left; what cannot be killed ends neither, and nobody goes on."""
        while self.sweep():
            select.select([], [], [], 0.005)

    def sweep(self) -> bool:
        """Kill what is there; whether there was anything."""
        for file in self._kill_files:
            with contextlib.suppress(OSError), open(file, "w") as kill:
                kill.write("1")
        found = False
        for pid in self._tenants():
            found = True
            with contextlib.suppress(OSError):
                pidfd = os.pidfd_open(pid)
                try:
                    if self._is_tenant(pid):  # still, now that the pidfd holds whoever it is
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                finally:
                    os.close(pidfd)
        return found

    def _tenants(self) -> Iterator[int]:
        for name in os.listdir("/proc"):
            if name.isdigit() and self._is_tenant(int(name)):
                yield int(name)

    def _is_tenant(self, pid: int) -> bool:
        """A process that has ended, and that nobody has waited for, has no environment."""
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return self._mark in file.read().split(b"\0")
        except OSError:
            return False


def now() -> float:
    """Seconds of CLOCK_BOOTTIME."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def say(what: str) -> None:
    """Tell the manager, if it is there."""
    with contextlib.suppress(OSError):
        os.write(1, f"{what}\n".encode())


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    Guard(sys.argv[1], sys.argv[2:]).run()
