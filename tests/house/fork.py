"""A manager's process without the second that its imports take: a fork of one that has done them.

From ``main()`` on everything is its own: session, environment, directory, files, threads. Run as a
program, this is the :func:`nest` that all of one process of tests are forked from.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LATER = ("actors.asking", "actors.cluster.cluster", "api.live.serving", "jwt")
"""What a manager loads when it is asked for, as most of these are."""
LARGEST = 128 * 1024
"""Bytes of one order: where, and what the process is to find in its environment."""


class Fork:
    """A manager that runs, with as much of :class:`subprocess.Popen` as its owner needs."""

    def __init__(self, environ: Mapping[str, str], folder: Path, log: Path) -> None:
        """Begin; what it prints can be read at ``stdout``, what it logs goes to ``log``."""
        printed, prints = os.pipe()
        self._told, tells = os.pipe()
        self.stdout = open(printed, "rb", buffering=0)  # noqa: SIM115
        with log.open("ab") as file:
            order = json.dumps([dict(environ), str(folder)]).encode()
            socket.send_fds(_nest()[0], [order], [prints, file.fileno(), tells])
        os.close(prints)
        os.close(tells)
        self.pid = self._hear()
        self._status: int | None = None

    def wait(self, timeout: float) -> int:
        """Return its exit status; raise :class:`subprocess.TimeoutExpired` if it has none yet."""
        if self._status is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("run_all", timeout)
            self._status = self._hear()
            os.close(self._told)
        return self._status

    def kill(self) -> None:
        """End it at once."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)

    def _hear(self) -> int:
        told = os.read(self._told, 16)
        assert told, "the nest is gone"
        return int(told)


@functools.cache
def _nest() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Return the way to the nest, and its process, which ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        return ours, subprocess.Popen(
            command, cwd=REPOSITORY, pass_fds=[theirs.fileno()], start_new_session=True
        )


def nest(orders: socket.socket) -> None:
    """Fork managers as ordered, tell of each its pid and its exit status, until nobody orders."""
    import run_all  # what this is for; the tests themselves have no use for it

    for name in LATER:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or each fork looks through all of it when it ends, for half of its CPU time
    living: dict[int, tuple[int, int]] = {}
    """By what becomes readable when it has ended: the process, and where its status is told."""
    while True:
        for ready in select.select([orders.fileno(), *living], [], [])[0]:
            if ready in living:
                pid, tells = living.pop(ready)
                os.write(tells, b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                _close(ready, tells)
                continue
            order, fds, _, _ = socket.recv_fds(orders, LARGEST, 3)
            if not order:
                return
            prints, logs, tells = fds
            if not (pid := os.fork()):
                _close(orders.detach(), tells, *living, *(tells for _, tells in living.values()))
                _become(json.loads(order), prints, logs)
                sys.exit(run_all.main([]))
            os.write(tells, b"%d" % pid)
            _close(prints, logs)
            living[os.pidfd_open(pid)] = (pid, tells)


def _become(order: Any, prints: int, logs: int) -> None:
    os.setsid()
    for fd, place in ((os.open(os.devnull, os.O_RDONLY), 0), (prints, 1), (logs, 2)):
        os.dup2(fd, place)
        _close(fd)
    environ, folder = order
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


if __name__ == "__main__":
    nest(socket.socket(fileno=int(sys.argv[1])))
