"""A user's database, opened by us: beside a PocketBase that may be using it, or start on it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

Connection = sqlite3.Connection

AT_FAULT = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What SQLite says of a database as such; the first of one that lacks a table or a column."""
PRIMARY = 0xFF
"""The bits of SQLite's error codes that tell what is wrong; the others tell where."""
BUSY_TIMEOUT = 5.0
"""Seconds to wait for PocketBase's own write, or for a short look of ours, to end."""


class UserDataError(Exception):
    """A user's database cannot be read, or is none of PocketBase's."""

    not_a_database = False
    """It is no SQLite database at all."""
    at_fault = False
    """It is what lies in it. Else this host cannot read it: its disk, its memory, its locks."""


class Openings:
    """Which databases this process has open, and how.

    SQLite keeps processes apart by POSIX locks. Those belong to the process: closing any file
    that it has open on a database drops the locks of all its connections, and a PocketBase that
    ends then throws away the log that one of ours still reads. SQLite sees to it for its own
    files, but an immutable database is closed like any plain file. So is what is looked at by
    hand. Such a plain opening and a locking one keep off each other here.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._plain: Counter[Path] = Counter()
        self._locking: Counter[Path] = Counter()

    @contextlib.contextmanager
    def plain(self, data: Path) -> Iterator[bool]:
        """Whether a file of the database may be opened and closed by hand within this block."""
        with self._free:
            free = not self._locking[data]
            self._plain[data] += free
        try:
            yield free
        finally:
            self._leave(self._plain, data, int(free))

    @contextlib.contextmanager
    def locking(self, data: Path) -> Iterator[None]:
        """Within this block the locks of our connections hold. Waits for looks under way."""
        with self._free:
            if not self._free.wait_for(lambda: not self._plain[data], BUSY_TIMEOUT):
                raise UserDataError("it is being looked at for too long")
            self._locking[data] += 1
        try:
            yield
        finally:
            self._leave(self._locking, data, 1)

    def _leave(self, counter: Counter[Path], data: Path, count: int) -> None:
        with self._free:
            counter[data] -= count
            if counter[data] <= 0:
                del counter[data]
            self._free.notify_all()


openings = Openings()
"""Those of this process: there is one, as there is one process."""


@contextlib.contextmanager
def reading(data: Path, *, steady: bool = False) -> Iterator[Connection]:
    """Open the database in ``data`` for reading; raise :class:`UserDataError`.

    A look at a database without a log takes no locks and leaves no ``-shm`` file beside it. What
    takes longer must be ``steady``: right also when PocketBase starts, writes and ends meanwhile.
    """
    with contextlib.ExitStack() as stack:
        quiet = not steady and not _has_log(data) and stack.enter_context(openings.plain(data))
        if not quiet:
            stack.enter_context(openings.locking(data))
        with _opened(data, "ro&immutable=1" if quiet else "ro") as database:
            yield database


@contextlib.contextmanager
def writing(data: Path, *, durable: bool = True) -> Iterator[Connection]:
    """One transaction, beside a PocketBase that may be running: SQLite keeps them apart.

    What need not be ``durable`` is not waited for: after a power cut the database may be damaged.
    That is for what nobody has used yet.
    """
    with openings.locking(data), _opened(data, "rw") as database:
        if not durable:
            database.execute("PRAGMA synchronous = OFF")
        with database:
            yield database


def fold_log(data: Path) -> bool:
    """Have everything in ``data.db`` itself; whether nothing of the log is left beside it.

    Nobody serves it. One of us may still read it, and then the log may have to stay.
    """
    with openings.locking(data), _opened(data, "rw") as database:
        database.execute("PRAGMA busy_timeout = 0")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not _has_log(data)


def quoted(name: str) -> str:
    """Return the name of a table or column as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _has_log(data: Path) -> bool:
    log = data / "data.db-wal"
    return log.exists() and log.stat().st_size > 0


@contextlib.contextmanager
def _opened(data: Path, mode: str) -> Iterator[Connection]:
    try:
        uri = f"{(data / 'data.db').as_uri()}?mode={mode}"
        database = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT)
        try:
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        refused = UserDataError(str(error))
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & PRIMARY
        refused.not_a_database = code == sqlite3.SQLITE_NOTADB
        refused.at_fault = code in AT_FAULT
        raise refused from error
