"""What a user's database holds, as a backup must know it; and its copy while it is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from pathlib import Path
from typing import Any

import msgspec

from actors.data.database import Connection, UserDataError, quoted, reading

MIGRATIONS = "SELECT file FROM _migrations ORDER BY applied, file"
SETTINGS = "SELECT value FROM _params WHERE id = 'settings'"
COLLECTIONS = "SELECT id, name, fields FROM _collections WHERE type != 'view'"
"""A view shows files of other collections; it has none of its own."""
COLUMNS = "SELECT name FROM pragma_table_info('_collections')"
TABLE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
INTERRUPT_EVERY = 1_000
"""SQLite's steps between two looks at whether the copy is still wanted: under a millisecond."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a database."""

    migrations: tuple[str, ...]
    """Those that were applied, in their order."""
    settings_encrypted: bool
    """PocketBase starts on it only with the key that they were written with."""
    files_elsewhere: bool
    """Uploads lie in a bucket, not beside the database."""


class Generation(Enum):
    """What has made a database."""

    NONE = auto()
    """No PocketBase."""
    OLD = auto()
    """A PocketBase before 0.23."""
    CURRENT = auto()


class FileReference(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a record says it has."""

    collection_id: str
    record_id: str
    name: str

    @property
    def path(self) -> str:
        """Where it lies, relative to the data directory."""
        return f"storage/{self.collection_id}/{self.record_id}/{self.name}"


def always() -> bool:
    """It is wanted, however long it takes."""
    return True


def nothing() -> None:
    """Do nothing."""


def generation(data: Path) -> Generation:
    """Return what has made the database in ``data``; raise :class:`UserDataError`."""
    with reading(data) as database:
        columns = {row[0] for row in database.execute(COLUMNS)}
        migrated = database.execute(TABLE, ["_migrations"]).fetchone()
    if not columns or migrated is None:
        return Generation.NONE
    return Generation.CURRENT if "fields" in columns else Generation.OLD


def describe(data: Path) -> Contents:
    """Return what is told of the database in ``data``; raise :class:`UserDataError`."""
    with reading(data) as database:
        migrations = tuple(row[0] for row in database.execute(MIGRATIONS))
        row = database.execute(SETTINGS).fetchone()
    settings = None if row is None else _json_object(row[0])
    storage = (settings or {}).get("s3") or {}
    return Contents(
        migrations=migrations,
        settings_encrypted=row is not None and settings is None,
        files_elsewhere=bool(storage.get("enabled")),
    )


def copy_database(
    source: Path,
    target: Path,
    wanted: Callable[[], bool] = always,
    begun: Callable[[], None] = nothing,
) -> None:
    """Copy the database in ``source``, which may be in use, to ``target`` as of one moment.

    Writers go on meanwhile. ``begun`` is called soon after that moment, once, however long the
    copy takes. The copy is compact, whole in one file, and not yet on the disk for sure: whoever
    keeps it syncs it. Raises :class:`UserDataError`, also once not ``wanted``, and what ``begun``
    raises.
    """
    if not wanted():
        raise UserDataError("interrupted")
    watch = _Watch(wanted, begun)
    try:
        with reading(source, steady=True) as database:
            database.set_progress_handler(watch.look, INTERRUPT_EVERY)
            database.execute("PRAGMA synchronous = OFF")
            database.execute("VACUUM INTO ?", [str(target / "data.db")])
    except UserDataError:
        if watch.error is not None:
            raise watch.error from None
        raise
    watch.begin()


class _Watch:
    """Looks after a copy. It is first called when SQLite copies rows: their moment is fixed."""

    def __init__(self, wanted: Callable[[], bool], begun: Callable[[], None]) -> None:
        self._wanted = wanted
        self._begun: Callable[[], None] | None = begun
        self.error: OSError | None = None

    def look(self) -> bool:
        """Whether it is to end."""
        try:
            self.begin()
        except OSError as error:  # SQLite would only say that it was interrupted
            self.error = error
            return True
        return not self._wanted()

    def begin(self) -> None:
        """It has begun; a copy of few rows has ended before anybody looked."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun()


def make_whole(data: Path) -> None:
    """Have all of a database that is ours be in its one file; raise :class:`UserDataError`.

    What a PocketBase that was copied while it ran has left in the log beside it goes there too.
    """
    with reading(data) as database:
        database.execute("VACUUM INTO ?", [str(data / "whole.db")])
    for name in ("data.db-wal", "data.db-shm"):
        (data / name).unlink(missing_ok=True)
    (data / "whole.db").rename(data / "data.db")


def quick_check(data: Path) -> None:
    """Raise :class:`UserDataError` when the database in ``data`` is damaged."""
    with reading(data) as database:
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        damaged = UserDataError(str(found))
        damaged.at_fault = True
        raise damaged


def count_rows(data: Path) -> int:
    """Return how many rows all tables of the database in ``data`` have together."""
    with reading(data) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        counts = (
            database.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
            for (name,) in tables
        )
        return sum(counts)


def file_references(data: Path) -> Iterator[FileReference]:
    """Yield every file that a record of the database in ``data``, a copy, says it has."""
    with reading(data) as database:
        for collection_id, name, text in database.execute(COLLECTIONS).fetchall():
            for field in msgspec.json.decode(text):
                if field["type"] == "file":
                    yield from _of_field(database, collection_id, name, field["name"])


def _of_field(
    database: Connection, collection_id: str, table: str, field: str
) -> Iterator[FileReference]:
    column = quoted(field)
    query = f"SELECT id, {column} FROM {quoted(table)} WHERE {column} NOT IN ('', '[]')"
    for record_id, value in database.execute(query):
        names = msgspec.json.decode(value) if value.startswith("[") else [value]
        for name in names:
            yield FileReference(collection_id=collection_id, record_id=record_id, name=name)


def _json_object(value: str | bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
