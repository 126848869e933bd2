"""The durable registry: how it is opened, migrated, and left alone when it is damaged."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actors import store as module
from actors.migrations import MIGRATIONS
from actors.store import Store
from bus.errors import SettingsError
from bus.states import Status
from tests.actors.test_store import FULL, NOW, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a registry of today lies, closed, with some users."""
    path = tmp_path / "registry.db"
    store = Store(path)
    store.put(FULL, entered=NOW)
    for number in range(20):
        store.put(record(f"user{number}", reason="x" * 900), entered=NOW)
    store.close()
    return path


def files(path: Path) -> dict[str, bytes]:
    """Return what lies in the folder of ``path``."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir()}


def change(path: Path, script: str) -> None:
    """Change the registry behind the manager's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(script)


def test_the_registry_is_private(tmp_path: Path) -> None:
    """Nobody else may read it, nor the log beside it."""
    store = Store(tmp_path / "registry.db")
    store.put(record())
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    store.close()


def test_a_closed_registry_is_one_file(path: Path) -> None:
    """Closing leaves no log that could be lost on the way to a copy."""
    assert set(files(path)) == {"registry.db"}


def test_what_a_dead_manager_wrote_is_there(tmp_path: Path) -> None:
    """What was written is found again though the registry was never closed."""
    former = Store(tmp_path / "registry.db")
    former.put(FULL, entered=NOW)
    store = Store(tmp_path / "registry.db")
    assert store.get("alice") == FULL
    assert len(store.history("alice")) == 1
    store.close()
    former.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is not a registry\n" * 100)


def broken_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)


def broken_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def broken_header(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)


def unknown_status(path: Path) -> None:
    change(path, "UPDATE instances SET status = 'Dreaming' WHERE user_id = 'alice'")


def broken_failure(path: Path) -> None:
    change(path, "UPDATE instances SET failure = '{oops' WHERE user_id = 'alice'")


def missing_table(path: Path) -> None:
    change(path, "DROP TABLE instances")


def missing_column(path: Path) -> None:
    change(path, "ALTER TABLE instances DROP COLUMN port")


def foreign_table(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE instances (name TEXT)")


DAMAGES = [
    garbage,
    broken_page,
    broken_end,
    broken_header,
    unknown_status,
    broken_failure,
    missing_table,
    missing_column,
    foreign_table,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_registry_is_left_as_it_is(path: Path, damage: Callable[[Path], None]) -> None:
    """A registry that cannot be read stops the launch with one line, and keeps its bytes."""
    damage(path)
    before = files(path)
    with pytest.raises(SettingsError) as error:
        Store(path)
    message = error.value.message
    assert message.startswith(f"The registry {path} cannot be read (")
    assert "it was left as it is" in message
    assert "\n" not in message
    assert files(path) == before


def test_a_newer_registry_is_refused(path: Path) -> None:
    """A registry of a newer format stops the launch with what to do, and keeps its bytes."""
    newer = len(MIGRATIONS) + 1
    change(path, f"PRAGMA user_version = {newer}")
    before = files(path)
    with pytest.raises(SettingsError, match=f"has format {newer}.*start the newer version again"):
        Store(path)
    assert files(path) == before


def test_a_place_that_holds_no_file_is_refused(tmp_path: Path) -> None:
    """A directory in the registry's place stops the launch with one line too."""
    (tmp_path / "registry.db").mkdir()
    with pytest.raises(SettingsError, match=r"^The registry .* cannot be read \(.*directory"):
        Store(tmp_path / "registry.db")


def test_the_next_migration_keeps_all_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of today, opened by the next version, has the same rows, and is of its format."""
    script = """
        ALTER TABLE instances ADD COLUMN quota INTEGER NOT NULL DEFAULT 5;
        CREATE TABLE tokens (user_id TEXT PRIMARY KEY, hash TEXT NOT NULL) STRICT;
    """
    former = Store(path)
    rows = former.records()
    former.close()
    with monkeypatch.context() as next_version:
        next_version.setattr(module, "MIGRATIONS", (*MIGRATIONS, script))
        store = Store(path)
        assert store.records() == rows
        assert len(store.history("alice")) == 1
        store.put(record("alice", Status.STOPPED), entered=NOW)
        store.close()
        Store(path).close()  # once migrated it is not migrated again
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT DISTINCT quota FROM instances").fetchall() == [(5,)]
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    with pytest.raises(SettingsError, match="start the newer version again"):
        Store(path)


def test_a_migration_that_fails_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a migration is none."""
    script = "CREATE TABLE tokens (hash TEXT); CREATE TABLE instances (again TEXT);"
    with monkeypatch.context() as next_version:
        next_version.setattr(module, "MIGRATIONS", (*MIGRATIONS, script))
        with pytest.raises(SettingsError, match="already exists"):
            Store(path)
    store = Store(path)
    assert store.get("alice") == FULL
    store.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert not database.execute("SELECT 1 FROM sqlite_schema WHERE name='tokens'").fetchall()


def test_ten_thousand_users_are_read_quickly(tmp_path: Path) -> None:
    """A large registry is opened in a moment."""
    path = tmp_path / "registry.db"
    store = Store(path)
    store.put(record("user00000"))
    store.close()
    columns = "epoch, status, desired, reason, run, restarts, created_at"
    change(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
        f"INSERT INTO instances (user_id, {columns}) "
        f"SELECT printf('user%05d', i), {columns} FROM n, instances",
    )
    began = time.thread_time()
    store = Store(path)
    assert time.thread_time() - began < 5
    assert (store.total(), store.total(Status.RUNNING)) == (10_000, 10_000)
    assert store.page(None, 1, "user09998")[0] == [record("user09999")]
    store.close()
