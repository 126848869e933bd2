"""Looks all the time whether two processes serve one directory."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

from tests.chaos import procfs

INTERVAL = 0.05


class Sampler:
    """A thread that looks at all processes, during the faults as well."""

    def __init__(self, root: Path) -> None:
        self.doubles: list[str] = []
        self.looks = 0
        self._root = root
        self._others = procfs.pids()
        """They were there before, and are none of ours: most of those that there are."""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(INTERVAL):
            now = procfs.pids()
            self._others &= now
            self.doubles += doubles(self._root, now - self._others)
            self.looks += 1


def doubles(root: Path, among: Collection[int] | None = None) -> list[str]:
    """Each directory that two processes serve now; ``among`` some, if they are given."""
    found, first = [], dict[str, procfs.Server]()
    for server in procfs.servers(root, among):
        former = first.setdefault(server.directory, server)
        # The former may have ended since it was seen, before the other one was started.
        if former is not server and _still_there(former):
            found.append(f"pids {former.pid} and {server.pid} both serve {server.directory}")
    return found


def _still_there(server: procfs.Server) -> bool:
    now = procfs.look(server.pid)
    return now is not None and now.ticks == server.ticks
