"""A snapshot is whole, whoever writes meanwhile, and touches nothing."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from actors.backups.manifest import Kind, Manifest
from actors.backups.snapshot import MANIFEST, fingerprint_of, read_manifest, sha256_of, take
from actors.clock import utc_now
from actors.data.contents import copy_database, file_references, quick_check
from actors.data.database import openings
from actors.data.userdata import read_identity
from actors.lock import sqlite_holder
from bus.errors import BackupError
from tests.backups.plain import PlainPocketBase, plain_pocketbase, titles

ROUNDS = 6
"""Snapshots under churn; each takes tens of milliseconds."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainPocketBase]:
    """Return a PocketBase that runs, with two documents and three files."""
    with plain_pocketbase(tmp_path_factory.mktemp("plain")) as running:
        running.upload("first", one=b"1", many=[b"2", b"3"])
        running.upload("second")
        yield running


def snapshot(data: Path, target: Path, identity: str | None = None) -> Manifest:
    return take(
        data,
        target,
        user_id="alice",
        identity=identity,
        version="0.40.6",
        kind=Kind.MANUAL,
        now=utc_now,
    )


def test_a_snapshot_of_a_running_instance_is_whole(plain: PlainPocketBase, tmp_path: Path) -> None:
    """Database, files and what is told of them; logs and thumbnails are left out."""
    made = snapshot(plain.data, tmp_path / "made")

    assert titles(tmp_path / "made") == ["first", "second"]
    files = [(tmp_path / "made" / each.path) for each in file_references(tmp_path / "made")]
    assert sorted(file.read_bytes() for file in files) == [b"1", b"2", b"3"]
    assert sorted(os.listdir(tmp_path / "made")) == sorted(["data.db", MANIFEST, "storage"])
    assert read_manifest(tmp_path / "made") == made
    assert made.database_sha256 == sha256_of(tmp_path / "made" / "data.db")
    assert (made.identity, made.version) == (read_identity(plain.data), "0.40.6")
    assert not made.settings_encrypted
    assert made.missing == ()
    assert len(made.migrations) >= 8
    assert (tmp_path / "made").stat().st_mode & 0o077 == 0


def test_uploads_cost_no_space(plain: PlainPocketBase, tmp_path: Path) -> None:
    """On the same file system a file of a snapshot is the very same file."""
    snapshot(plain.data, plain.data.parent / "linked")
    reference = next(file_references(plain.data.parent / "linked"))
    linked, live = plain.data.parent / "linked" / reference.path, plain.data / reference.path
    assert linked.samefile(live)


def test_no_file_is_missing_under_churn(plain: PlainPocketBase, tmp_path: Path) -> None:
    """While others upload and delete without a pause, every file of every record is there."""
    ended = threading.Event()

    def churn(name: str) -> None:
        while not ended.is_set():
            plain.delete(plain.upload(name, one=name.encode() * 1000))

    churners = [threading.Thread(target=churn, args=(f"churn{n}",)) for n in range(2)]
    for churner in churners:
        churner.start()
    try:
        for number in range(ROUNDS):
            made = snapshot(plain.data, tmp_path / str(number))
            assert made.missing == ()
            for each in file_references(tmp_path / str(number)):
                assert (tmp_path / str(number) / each.path).stat().st_size >= 1
    finally:
        ended.set()
        for churner in churners:
            churner.join()


def test_what_is_deleted_while_the_database_is_copied_is_kept(tmp_path: Path) -> None:
    """The moment is fixed before the copying takes time: what comes after it is not in it."""
    data, target = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    target.mkdir()
    with closing(sqlite3.connect(data / "data.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE things (title TEXT)")
        database.executemany("INSERT INTO things VALUES (?)", [("before",)] * 5000)
        database.commit()
        looks: list[str] = []

        def begun() -> None:
            looks.append("begun")
            database.execute("DELETE FROM things")
            database.commit()

        def wanted() -> bool:
            looks.append("looked")
            return True

        copy_database(data, target, wanted, begun)
    assert looks.index("begun") < len(looks) - 2
    assert looks.count("begun") == 1
    with closing(sqlite3.connect(target / "data.db")) as copy:
        assert copy.execute("SELECT count(*) FROM things").fetchone() == (5000,)


def test_what_goes_wrong_when_the_copy_has_begun_is_told(tmp_path: Path) -> None:
    """SQLite itself would say no more than that it was interrupted."""
    with closing(sqlite3.connect(tmp_path / "data.db")) as database:
        database.execute("CREATE TABLE things (title TEXT)")
        database.executemany("INSERT INTO things VALUES (?)", [("before",)] * 5000)
        database.commit()

    def begun() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "copy").mkdir()
    with pytest.raises(OSError, match="No space left"):
        copy_database(tmp_path, tmp_path / "copy", begun=begun)


def test_a_lost_file_is_told_and_does_not_end_all_backups(
    plain: PlainPocketBase, tmp_path: Path
) -> None:
    """A file that was gone before is named; the rest is kept."""
    plain.upload("lost", one=b"soon gone")
    (lost,) = [
        each
        for each in file_references(plain.data)
        if (plain.data / each.path).read_bytes() == b"soon gone"
    ]
    (plain.data / lost.path).unlink()
    made = snapshot(plain.data, tmp_path / "made")
    plain.delete(lost.record_id)

    assert made.missing == (lost.path,)
    assert "lost" in titles(tmp_path / "made")


def test_a_stopped_instance_with_a_log_left_over(tmp_path: Path) -> None:
    """What a killed PocketBase left in its log is in the snapshot, and still in the log."""
    with plain_pocketbase(tmp_path) as plain:
        plain.upload("committed")
        plain.stop(signal.SIGKILL)
        log = (plain.data / "data.db-wal").read_bytes()
        assert log
        snapshot(plain.data, tmp_path / "made")
        assert titles(tmp_path / "made") == ["committed"]
        assert (plain.data / "data.db-wal").read_bytes() == log
        quick_check(plain.data)


def test_the_same_content_is_the_same_snapshot(plain: PlainPocketBase, tmp_path: Path) -> None:
    """What was not changed between two snapshots has the same digests."""
    first = snapshot(plain.data, tmp_path / "first")
    again = snapshot(plain.data, tmp_path / "again")
    plain.delete(plain.upload("changed"))
    changed = snapshot(plain.data, tmp_path / "changed")

    assert first.content == again.content
    assert changed.migrations == first.migrations


def test_the_database_of_another_is_refused(plain: PlainPocketBase, tmp_path: Path) -> None:
    """A directory that holds another database than the user's makes no backup of the user."""
    with pytest.raises(BackupError, match="not the one of user alice"):
        snapshot(plain.data, tmp_path / "made", identity="another@1")
    assert not (tmp_path / "made").exists()


def test_what_is_no_file_is_not_followed(plain: PlainPocketBase, tmp_path: Path) -> None:
    """A link that a tenant put among its uploads brings nothing from elsewhere."""
    secret = tmp_path / "secret"
    secret.write_text("of the operator")
    planted = plain.data / "storage" / "planted"
    planted.symlink_to(secret)
    tree = plain.data / "storage" / "tree"
    tree.symlink_to(tmp_path)
    try:
        snapshot(plain.data, tmp_path / "made")
    finally:
        planted.unlink()
        tree.unlink()
    assert not list((tmp_path / "made").rglob("secret"))
    assert not os.path.lexists(tmp_path / "made" / "storage" / "planted")


def test_a_damaged_database_makes_no_backup(plain: PlainPocketBase, tmp_path: Path) -> None:
    """It is told, and nothing is left."""
    broken = tmp_path / "broken"
    snapshot(plain.data, broken)
    with (broken / "data.db").open("r+b") as file:
        file.seek(-3 * 4096, os.SEEK_END)
        file.write(b"\xff" * 3 * 4096)
    with pytest.raises(BackupError, match="cannot be copied"):
        snapshot(broken, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_snapshot_that_nobody_wants_ends(plain: PlainPocketBase, tmp_path: Path) -> None:
    """The manager need not wait for it when it ends."""
    with pytest.raises(BackupError, match="interrupted"):
        take(
            plain.data,
            tmp_path / "made",
            user_id="alice",
            identity=None,
            version=None,
            kind=Kind.MANUAL,
            now=utc_now,
            wanted=lambda: False,
        )
    assert not (tmp_path / "made").exists()


def test_the_fingerprint_changes_with_every_write(tmp_path: Path) -> None:
    """A write shows in it; the same files have the same; a fresh write has none yet."""
    with plain_pocketbase(tmp_path) as plain:
        plain.stop()
        later = utc_now() + timedelta(minutes=1)
        before = fingerprint_of(plain.data, later)
        assert before is not None
        assert fingerprint_of(plain.data, later) == before
        assert fingerprint_of(plain.data, utc_now()) is None
        plain.start()
        plain.upload("new")
        assert fingerprint_of(plain.data, later) != before
        plain.stop()
        assert fingerprint_of(plain.data, later) != before


def test_our_locks_outlive_a_look_at_the_same_database(tmp_path: Path) -> None:
    """A look by hand, which would drop all locks of the process, is not taken meanwhile."""
    data = tmp_path / "data"
    data.mkdir()
    with closing(sqlite3.connect(data / "data.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE _migrations (file TEXT, applied INTEGER)")
        database.execute("INSERT INTO _migrations VALUES ('first.js', 1)")
        database.commit()
        shutil.copytree(data, tmp_path / "copy")
    with openings.locking(data), closing(sqlite3.connect(data / "data.db")) as ours:
        ours.execute("BEGIN")
        ours.execute("SELECT * FROM _migrations").fetchall()
        held = locks_of_this_process(data)
        assert held
        read_identity(data)
        assert sqlite_holder(data) is None
        assert locks_of_this_process(data) == held


def locks_of_this_process(data: Path) -> set[tuple[str, ...]]:
    """Return inode and range of each lock that this process holds on the database's files."""
    inodes = {str(path.stat().st_ino) for path in data.iterdir()}
    found = set()
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.replace("-> ", "").split()
        if words[4] == str(os.getpid()) and words[5].rpartition(":")[2] in inodes:
            found.add(tuple(words[5:8]))
    return found
