"""What must be true of a user's data before PocketBase is started on it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actors.data.database import UserDataError
from actors.data.guard import check_data
from actors.data.userdata import read_identity
from actors.records import Record
from bus.causes import Cause
from bus.errors import InstanceIOError
from tests.actors.fakes import make_database
from tests.actors.test_store import record

KNOWN = record(identity="first.js@1", version="0.40.6")
VERSION = "0.40.6"
RELEASES = ["0.22.27", "0.40.6", "0.40.10", "1.0.0", "1.0.1-rc.2"]
"""In their order, which is not that of their letters."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory as its user left it."""
    data = tmp_path / "pb_user_alice.db"
    make_database(data)
    return data


def refusal(data: Path, row: Record = KNOWN, version: str | None = VERSION) -> InstanceIOError:
    """Return why PocketBase may not be started, after a look at what was touched: nothing."""
    before = contents(data)
    with pytest.raises(InstanceIOError) as error:
        check_data(data, row, version)
    assert contents(data) == before
    assert error.value.message.startswith("IO error: ")
    return error.value


def contents(data: Path) -> dict[str, bytes]:
    """Return every file in ``data``, but for the shared memory that holds no data."""
    return {
        path.name: path.read_bytes() for path in data.glob("*") if not path.name.endswith("-shm")
    }


def crashed(data: Path) -> None:
    """Make ``data`` what a killed PocketBase leaves: its last rows are in the log only."""
    origin = data.with_name("origin")
    make_database(origin)
    with closing(sqlite3.connect(origin / "data.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("UPDATE _migrations SET applied = 77")
        shutil.rmtree(data)
        data.mkdir()
        for name in ("data.db", "data.db-wal"):
            shutil.copy(origin / name, data / name)


def test_sound_data_may_be_served(data: Path) -> None:
    """The user's own database, last served with the same version, is passed."""
    check_data(data, KNOWN, VERSION)


def test_what_has_never_run_is_not_checked(tmp_path: Path) -> None:
    """A new user has no data, and one whose first start failed has nothing to lose."""
    check_data(tmp_path / "none", record(), VERSION)


def remove_file(data: Path) -> None:
    (data / "data.db").unlink()


def empty_file(data: Path) -> None:
    (data / "data.db").write_bytes(b"")


def remove_directory(data: Path) -> None:
    shutil.rmtree(data)


def garbage(data: Path) -> None:
    (data / "data.db").write_bytes(b"not a database at all")


def short_garbage(data: Path) -> None:
    (data / "data.db").write_bytes(b"SQLite")


def header_only(data: Path) -> None:
    (data / "data.db").write_bytes(b"SQLite format 3\0")


def broken_pages(data: Path) -> None:
    path = data / "data.db"
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)


def foreign(data: Path) -> None:
    shutil.rmtree(data)
    make_database(data, applied=2)


def not_pocketbase(data: Path) -> None:
    with closing(sqlite3.connect(data / "data.db")) as database:
        database.execute("DROP TABLE _migrations")


def no_migrations(data: Path) -> None:
    with closing(sqlite3.connect(data / "data.db", isolation_level=None)) as database:
        database.execute("DELETE FROM _migrations")


def directory_instead(data: Path) -> None:
    remove_file(data)
    (data / "data.db").mkdir()


@pytest.mark.parametrize(
    ("damage", "cause", "what"),
    [
        (remove_directory, Cause.DATA_MISSING, "data.db is missing"),
        (remove_file, Cause.DATA_MISSING, "data.db is missing"),
        (empty_file, Cause.DATA_MISSING, "data.db is empty"),
        (garbage, Cause.DATA_CORRUPT, "is not a SQLite database"),
        (short_garbage, Cause.DATA_CORRUPT, "is not a SQLite database"),
        (header_only, Cause.DATA_CORRUPT, "is not a SQLite database"),
        (broken_pages, Cause.DATA_CORRUPT, "cannot be read"),
        (not_pocketbase, Cause.DATA_CORRUPT, "no such table"),
        (no_migrations, Cause.DATA_CORRUPT, "has no migrations"),
        (foreign, Cause.DATA_FOREIGN, "is not the one of user alice"),
    ],
)
def test_damaged_data_is_refused(
    data: Path, damage: Callable[[Path], None], cause: Cause, what: str
) -> None:
    """What is wrong is named, with what to do, and nothing was touched."""
    damage(data)
    error = refusal(data)
    assert error.failure.cause is cause
    assert what in error.message
    assert "nothing was touched" in error.message
    assert "restore the directory, then call init_pb" in error.message


def test_data_that_cannot_be_opened_is_refused(data: Path) -> None:
    """A directory in the place of the database is no database."""
    directory_instead(data)
    with pytest.raises(InstanceIOError) as error:
        check_data(data, KNOWN, VERSION)
    assert error.value.failure.cause is Cause.PERMISSION_DENIED


@pytest.mark.parametrize(("number", "last"), list(enumerate(RELEASES)))
def test_an_older_version_is_refused(data: Path, number: int, last: str) -> None:
    """Data is served with the version it was last served with, or a newer one."""
    row = record(identity=KNOWN.identity, version=last)
    for version in RELEASES[number:]:
        check_data(data, row, version)
    for version in RELEASES[:number]:
        error = refusal(data, row, version)
        assert error.failure.cause is Cause.DATA_NEWER
        assert f"PocketBase {version} is older than {last}" in error.message
        assert "PB_BINARY_PATH" in error.message


@pytest.mark.parametrize(("last", "version"), [(None, VERSION), ("9.9.9", None), (None, None)])
def test_an_unknown_version_is_no_reason(data: Path, last: str | None, version: str | None) -> None:
    """Where a version is not known there is nothing to compare."""
    check_data(data, record(identity=KNOWN.identity, version=last), version)


def test_a_crashed_database_is_read_with_its_log(data: Path) -> None:
    """Rows that are in the log only count, and log and database stay as they are."""
    crashed(data)
    before = contents(data)
    assert before["data.db-wal"]
    assert read_identity(data) == "first.js@77"
    assert contents(data) == before
    check_data(data, record(identity="first.js@77"), VERSION)
    assert contents(data) == before


def test_a_foreign_database_with_a_log_is_left_alone(data: Path) -> None:
    """Also a refusal leaves a log where it was."""
    crashed(data)
    assert refusal(data).failure.cause is Cause.DATA_FOREIGN


def test_a_clean_database_stays_a_single_file(data: Path) -> None:
    """Looking at a database in WAL mode that was closed well leaves no log beside it."""
    with closing(sqlite3.connect(data / "data.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    assert os.listdir(data) == ["data.db"]
    check_data(data, KNOWN, VERSION)
    assert os.listdir(data) == ["data.db"]


def test_an_empty_log_stays(data: Path) -> None:
    """A log of no bytes says nothing, and is not removed."""
    with closing(sqlite3.connect(data / "data.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    (data / "data.db-wal").touch()
    check_data(data, KNOWN, VERSION)
    assert sorted(os.listdir(data)) == ["data.db", "data.db-wal"]


def test_a_database_in_use_can_be_looked_at(data: Path) -> None:
    """A PocketBase that is served and written to at the same time is not disturbed."""
    with closing(sqlite3.connect(data / "data.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO _migrations VALUES ('second.js', 2)")
        assert read_identity(data) == KNOWN.identity
        database.execute("COMMIT")
        assert read_identity(data) == KNOWN.identity


@pytest.mark.parametrize("name", ["a?b", "a b", "a%41b", "a#b", "a&mode=rwc", "ä☂", "a'b\"c"])
def test_any_path_can_be_read(tmp_path: Path, name: str) -> None:
    """No letter of a path is taken for something else, and no file is made by looking."""
    data = tmp_path / name
    make_database(data)
    assert read_identity(data) == KNOWN.identity
    assert os.listdir(tmp_path) == [name]
    remove_file(data)
    with pytest.raises(UserDataError):
        read_identity(data)
    assert os.listdir(data) == []


def test_the_identity_is_that_of_the_first_migration(data: Path) -> None:
    """Migrations that come later do not change whose database it is."""
    with closing(sqlite3.connect(data / "data.db", isolation_level=None)) as database:
        database.execute("INSERT INTO _migrations VALUES ('a_later.js', 9), ('a.js', 1)")
    assert read_identity(data) == "a.js@1"
