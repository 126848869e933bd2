"""Strays: PocketBases that serve a user's directory without our knowledge."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from actors import proc
from actors.lock import sqlite_is_open

log = logging.getLogger(__name__)


class Strays:
    """Knows which directories a stray serves, by two signs that complete each other.

    A PocketBase in use has its database open, which is seen at once. One that has been idle for
    three minutes has closed it, but then it is old enough for a scan of all processes, which is
    too slow for every start and done now and then, to have found it.
    """

    def __init__(self, root: Path, is_managed: Callable[[int], bool]) -> None:
        self._root = root
        self._is_managed = is_managed
        self._found: frozenset[str] = frozenset()

    def scan(self) -> None:
        """Look at all processes. Takes some milliseconds per hundred of them."""
        found = set()
        for directory, identity in proc.serving(self._root):
            if not self._is_managed(identity.pid):
                log.warning("pid %d is a stray: it serves %s", identity.pid, directory)
                found.add(directory)
        self._found = frozenset(found)

    def serve(self, data: Path) -> bool:
        """Whether a process seems to serve ``data``; asked when none of ours does."""
        return sqlite_is_open(data) or str(data) in self._found
