"""Spares: PocketBases that run before anybody needs them.

A spare serves a directory in the nursery. It becomes a user's while it runs: in one step the
directory changes places with a link that leads to it, so every path that PocketBase knows leads
to the same directory at any moment. PocketBase closes its database after three idle minutes and
opens it by its path again; where the path would not lead there, writes would be lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.data.userdata import TokenKey
from actors.layout import Layout
from actors.libc import checked, libc
from actors.lock import DirectoryLock
from actors.process import ManagedProcess

PREFIX = "~spare."
"""Begins what stands for a user id; no user id has such a letter."""
END_PATIENCE = 5.0
"""Seconds that a spare gets to be gone after it was killed."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""From fcntl.h and linux/fs.h, for renameat2(2)."""


class Spare(msgspec.Struct, frozen=True, kw_only=True):
    """One that runs and is nobody's yet."""

    name: str
    layout: Layout
    """Where its directory, log and lock are, as those of a user of that name."""
    process: ManagedProcess
    port: int
    identity: str
    """That of its database."""
    key: TokenKey
    """What our own superuser's tokens are signed with there."""
    binary: str
    """The digest of its PocketBase."""


class Spares:
    """Those that are ready. The nursery adds, the actors of the instances take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: list[Spare] = []
        self._on_taken: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._ready)

    def on_taken(self, call: Callable[[], None]) -> None:
        """Call ``call`` whenever one was taken, on the thread that takes it."""
        self._on_taken = call

    def add(self, spare: Spare) -> None:
        """Have one more."""
        with self._lock:
            self._ready.append(spare)

    def take(self, binary: str | None = None) -> Spare | None:
        """Return one that lives and is nobody else's from now on, or None.

        With ``binary``, only one of that very PocketBase.
        """
        with self._lock:
            living = [
                spare
                for spare in self._ready
                if not spare.process.exited and binary in (None, spare.binary)
            ]
            if not living:
                return None
            self._ready.remove(living[0])
        if self._on_taken is not None:
            self._on_taken()
        return living[0]

    def forget(self, name: str) -> bool:
        """Return whether one of that name was still nobody's; it is none of them any more."""
        with self._lock:
            found = [spare for spare in self._ready if spare.name == name]
            for spare in found:
                self._ready.remove(spare)
            return bool(found)

    def end(self) -> None:
        """End all that are nobody's."""
        while (spare := self.take()) is not None:
            end(spare.process)


def end(process: ManagedProcess) -> None:
    """Kill a process that is nobody's, and return when it is gone."""
    gone = threading.Event()
    process.watch(lambda status: gone.set())
    process.kill()
    gone.wait(END_PATIENCE)


def move_in(spare: Spare, user_id: str, layout: Layout) -> bool:
    """Make what the spare serves the user's own; False, and nothing done, where that cannot be.

    A manager that dies in between leaves a process on the user's directory, which the next one
    finds as it finds every stray.
    """
    data, log = layout.data(user_id), layout.log(user_id)
    lock = DirectoryLock.take(layout.lock(user_id))
    if lock is None:
        return False
    try:
        if log.exists():
            return False
        data.symlink_to(data)  # refused where anything is in the way; leads nowhere
        try:
            _exchange(data, spare.layout.data(spare.name))
        except OSError:
            data.unlink()
            raise
    except OSError:
        return False
    finally:
        lock.close()
    spare.layout.lock(spare.name).rename(layout.lock(user_id))
    spare.layout.log(spare.name).rename(log)
    spare.process.writes_to(log)
    return True


def _exchange(one: Path, other: Path) -> None:
    """Have two names change places, at one moment (renameat2(2), Linux 3.15)."""
    names = _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other)
    checked(libc.renameat2(*names, _RENAME_EXCHANGE))
