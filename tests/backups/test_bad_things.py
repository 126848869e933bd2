"""What may go wrong: a clear error, nothing half-done left, and the instance untouched."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.disk import MIB
from bus.events import BackupFailed, RestoreFailed
from tests.backups.calls import Backups
from tests.chaos.machine import SmallDisk
from tests.house.caller import Json
from tests.house.manager import Manager, manager_of, running_manager
from tests.house.tenant import Tenant

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")


@contextlib.contextmanager
def manager_on_a_small_disk() -> Iterator[Manager]:
    with manager_of(seeds=0, disk_free_mib=1) as manager:
        disk = SmallDisk(manager.root / "dbs", mib=112)
        try:
            manager.start()
            yield manager
            manager.stop()
        finally:
            manager.clean_up()
            disk.close()


@needs_root
def test_a_disk_that_is_full_in_the_middle() -> None:
    """Of a backup, and of an upload: both fail with the reason, and the room is free again."""
    with manager_on_a_small_disk() as manager:
        tenant = Tenant(manager.api.run("alice"))
        tenant.make_collection("things")
        pid = manager.api.instance("alice")["pid"]
        large = Path(manager.api.instance("alice")["db_path"]) / "storage" / "c" / "r" / "large"
        large.parent.mkdir(parents=True)
        large.touch()
        os.truncate(large, 200 * MIB)  # takes no room here; in an archive it does
        backups = Backups(manager, "alice")
        with manager.listen("alice") as listener:
            answer = backups.call("POST", "backups")
            assert (answer.status_code, answer.json()["code"]) == (500, "backup_failed")
            assert "No space left on device" in answer.json()["message"]
            assert "No space left on device" in listener.until_event(BackupFailed).reason
        assert list(manager.layout.backups("alice").iterdir()) == []
        assert list(manager.layout.drafts.iterdir()) == []
        with zeros(200 * MIB) as body:
            answer = Backups(manager, "bob").call("POST", "import", data=body)
        assert answer.json()["code"] == "backup_failed", answer.text
        assert "No space left on device" in answer.json()["message"]
        assert list(manager.settings.uploads_path.iterdir()) == []

        tenant.write("things", "it goes on")
        assert manager.api.instance("alice")["pid"] == pid
        large.unlink()
        backups.restore(backups.make())


@contextlib.contextmanager
def zeros(size: int) -> Iterator[object]:
    """Open a file of so many zeros, which takes no room."""
    path = Path(f"/tmp/pblm-tests-{os.urandom(4).hex()}")
    path.touch()
    os.truncate(path, size)
    try:
        with path.open("rb") as file:
            yield file
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    with running_manager(start_timeout=5) as running:
        yield running


def spoiled_backup(manager: Manager, user_id: str) -> str:
    """Return a backup that is whole, and that PocketBase refuses to start on."""
    data = Path(manager.api.stop(user_id)["db_path"])
    (settings,) = sql(data, "SELECT value FROM _params WHERE id = 'settings'")
    sql(data, "UPDATE _params SET value = 'of another key' WHERE id = 'settings'")
    backup = Backups(manager, user_id).make()
    sql(data, "UPDATE _params SET value = ? WHERE id = 'settings'", settings)
    return backup


def sql(data: Path, statement: str, *values: str) -> list[str]:
    with closing(sqlite3.connect(data / "data.db")) as database, database:
        return [row[0] for row in database.execute(statement, values)]


def test_data_that_pocketbase_does_not_run_on_are_taken_back(manager: Manager) -> None:
    """After the exchange; the former data serve again by themselves, and nothing is kept."""
    tenant = Tenant(manager.api.run("carol"))
    tenant.make_collection("things")
    tenant.write("things", "mine")
    backup = spoiled_backup(manager, "carol")
    manager.api.run("carol")
    backups = Backups(manager, "carol")
    with manager.listen("carol") as listener:
        answer = backups.call("POST", f"backups/{backup}/restore")
        assert answer.json()["code"] == "backup_failed", answer.text
        assert "the former data are back in their place" in answer.json()["message"]
        assert "does not run on backup" in listener.until_event(RestoreFailed).reason
    assert Tenant(manager.api.run("carol")).titles("things") == ["mine"]
    assert not manager.layout.swap("carol").exists()
    assert backups.refused("POST", "undo_restore") == "conflict"
    proof = backups.call("POST", f"backups/{backup}/prove")
    assert proof.json()["code"] == "backup_failed"
    assert list(manager.layout.proofs.iterdir()) == []


def test_a_backup_that_was_exchanged_behind_our_back(manager: Manager) -> None:
    """Another's archive under the name of this one is found out, whatever is in it."""
    ids = {}
    for user in ("dan", "eve"):
        manager.api.run(user)
        ids[user] = Backups(manager, user).make()
    dans = Backups(manager, "dan")
    dans.archive(ids["dan"]).write_bytes(Backups(manager, "eve").archive(ids["eve"]).read_bytes())
    before: Json = manager.api.instance("dan")
    assert dans.refused("POST", f"backups/{ids['dan']}/restore") == "invalid_backup"
    assert manager.api.instance("dan")["pid"] == before["pid"]
