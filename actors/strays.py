"""Strays: PocketBases that serve a user's directory without our knowledge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Set
from pathlib import Path

from actors import proc
from actors.lock import sqlite_holder
from actors.proc import ProcessIdentity

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
        self._found: dict[str, ProcessIdentity] = {}

    def scan(self, explained: Set[ProcessIdentity | None] = frozenset()) -> None:
        """Look at all processes but ours. Takes some milliseconds per hundred of them.

        Those ``explained`` by the registry are about to be adopted.
        """
        found = {}
        for directory, identity in proc.serving(self._root, but=self._is_managed):
            head = proc.identify(proc.leader(identity.pid))  # it may serve as the child of ours
            if not self._is_ours(identity) and explained.isdisjoint({identity, head}):
                found[directory] = identity
                if self._found.get(directory) != identity:
                    log.warning("pid %d is a stray: it serves %s", identity.pid, directory)
        self._found = found

    def serve(self, data: Path) -> bool:
        """Whether a process seems to serve ``data``; asked when none of ours does."""
        found = self._found.get(str(data))
        if found is not None and proc.identify(found.pid) == found:
            return not self._is_ours(found)
        holder = sqlite_holder(data)
        return holder is not None and proc.served_directory(holder) == str(data)

    def _is_ours(self, identity: ProcessIdentity) -> bool:
        return self._is_managed(identity.pid) or self._is_managed(proc.leader(identity.pid))
