"""What we read from a user's own database: the only SQL on what belongs to PocketBase."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

FIRST_MIGRATION = "SELECT file, applied FROM _migrations ORDER BY applied, file LIMIT 1"


class UserDataError(Exception):
    """A user's database cannot be read, or is none of PocketBase's."""


def read_identity(data: Path) -> str:
    """Return what tells this database from every other one: when it was made, to the microsecond.

    It is the first row of PocketBase's table of applied migrations, which never changes. Raises
    :class:`UserDataError` when it cannot be read.
    """
    with _reading(data) as database:
        row = database.execute(FIRST_MIGRATION).fetchone()
        if row is None:
            raise UserDataError("it has no migrations")
        return f"{row[0]}@{row[1]}"


@contextlib.contextmanager
def _reading(data: Path) -> Iterator[sqlite3.Connection]:
    # A database without a log is opened as immutable: no -shm file is left beside it.
    log = data / "data.db-wal"
    quiet = "" if log.exists() and log.stat().st_size else "&immutable=1"
    try:
        database = sqlite3.connect(f"{(data / 'data.db').as_uri()}?mode=ro{quiet}", uri=True)
        try:
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise UserDataError(str(error)) from error
