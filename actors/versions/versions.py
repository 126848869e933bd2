"""Versions: which PocketBase an instance is started with."""

from __future__ import annotations

import errno
import os
import threading

from actors.diagnosis import spawn_failure
from actors.records import Record
from actors.versions.shelf import Binary, Shelf
from bus.errors import ProcessError


class Versions:
    """The current PocketBase, and those of the instances that have another one.

    Any thread may ask. A start that a person asks for takes the current one. So does the first
    start of a manager, unless the instance has come back from that very one. What is started
    again after a failure is served as before: a crash is no moment for an upgrade.
    """

    def __init__(self, shelf: Shelf, current: Binary, source: str) -> None:
        """``source`` is where the settings have the current one from."""
        self.shelf = shelf
        self._source = source
        self._lock = threading.Lock()
        self._current = current

    @property
    def current(self) -> Binary:
        """What new instances are started with."""
        with self._lock:
            return self._current

    def check_source(self, binary: Binary) -> None:
        """Raise :class:`ProcessError` when the current one, kept or not, is none any more.

        The operator has taken it away: that must be seen before the next launch.
        """
        if binary != self.current or os.access(self._source, os.X_OK):
            return
        number = errno.EACCES if os.path.exists(self._source) else errno.ENOENT
        error = OSError(number, os.strerror(number))
        raise ProcessError(
            "Process error: Failed to spawn PocketBase process: "
            f"{error.strerror} (os error {number}): {self._source}",
            cause=spawn_failure(error),
        )

    def promote(self, binary: Binary) -> None:
        """Have ``binary`` be the current one."""
        with self._lock:
            self._current = binary

    def at_launch(self, record: Record) -> Binary:
        """Return what is started when the manager begins."""
        current = self.current
        return self.again(record) if record.refused == current.digest else current

    def again(self, record: Record) -> Binary:
        """Return what served the instance last, if it is still kept; else the current one."""
        return self.former(record) or self.current

    def former(self, record: Record) -> Binary | None:
        """Return what served the instance last, if it is still kept."""
        return None if record.binary is None else self.shelf.find(record.binary)


def is_first_start(record: Record, binary: Binary) -> bool:
    """Whether ``binary`` has never served the data that the user has."""
    if record.identity is None:
        return False
    if record.binary is None:  # of a registry that did not know of this yet
        return record.version is not None and record.version != binary.version
    return record.binary != binary.digest
