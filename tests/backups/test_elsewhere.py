"""Backups go to a directory or a bucket, too, and come back from there after a loss."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from actors.backups.elsewhere import Elsewhere
from actors.layout import directory_name
from actors.replication import place as places
from actors.replication.place import Place
from bus.errors import BackupError, NotFound, SettingsError
from bus.settings import Settings
from tests.backups.calls import Backups
from tests.house.manager import running_manager
from tests.house.surroundings import eventually
from tests.house.tenant import Tenant
from tests.replication.s3 import KEY_ID, SECRET, bucket


@pytest.fixture(params=["directory", "bucket"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """Return the settings that have backups go there, and where they lie then."""
    if request.param == "directory":
        yield {"backup_url": str(tmp_path / "away")}, tmp_path / "away"
        return
    with bucket(tmp_path / "s3") as users:
        given = {name: str(value) for name, value in users.settings().items()}
        yield {"backup_url": given.pop("replica_url"), **given}, users.folder / "of" / "mine"


def test_after_the_loss_of_a_host_a_user_is_brought_back(
    where: tuple[dict[str, str], Path],
) -> None:
    """What was sent is listed, fetched and restored by a manager that has never heard of him."""
    settings, folder = where
    away = folder / directory_name("Alice") / "backups"
    with running_manager(**settings) as manager:
        instance = manager.api.run("Alice")
        tenant = Tenant(instance)
        tenant.make_collection("things")
        tenant.write("things", "kept")
        backups = Backups(manager, "Alice")
        first, second = backups.make(), backups.make()
        eventually(lambda: all(each["sent_at"] for each in backups.list()), "both are sent")
        backups.done("DELETE", f"backups/{first}")
        eventually(lambda: len(list(away.iterdir())) == 2, "the first is removed there, too")
        environment = Path(f"/proc/{instance['pid']}/environ").read_bytes()
        assert SECRET.encode() not in environment

    with running_manager(**settings) as manager:
        backups = Backups(manager, "Alice")
        assert backups.refused("GET", "backups") == "not_found"
        (there,) = backups.done("GET", "backups?elsewhere=true")["backups"]
        assert there["id"] == second
        assert backups.refused("POST", f"backups/{first}/fetch") == "not_found"
        assert backups.done("POST", f"backups/{second}/fetch")["backup"]["id"] == second
        assert backups.restore(second)["status"] == "Stopped"
        assert Tenant(manager.api.run("Alice")).titles("things") == ["kept"]
        manager.api.call("POST", "/api/users/Alice/rename", json={"to": "bob"})
        again = folder / directory_name("bob") / "backups"
        eventually(lambda: (again / f"{second}.json").exists(), "it goes under the new name")
        eventually(lambda: not list(away.glob("*")), "and the next Alice does not find it")
        manager.api.call("DELETE", "/api/users/bob/pb?purge=true")
        eventually(lambda: not list(again.glob("*")), "whoever asks to be forgotten is")


def test_what_was_damaged_there_does_not_come_back(tmp_path: Path) -> None:
    """It is told, and nothing half-done is left."""
    with running_manager(backup_url=str(tmp_path)) as manager:
        manager.api.run("alice")
        backups = Backups(manager, "alice")
        backup = backups.make()
        eventually(lambda: bool(backups.list()[0]["sent_at"]), "it is sent")
        (archive,) = tmp_path.glob(f"*/backups/{backup}.zip")
        archive.write_bytes(archive.read_bytes()[:-1])
        assert backups.refused("POST", f"backups/{backup}/fetch") == "conflict"
        backups.archive(backup).unlink()
        assert backups.refused("POST", f"backups/{backup}/fetch") == "invalid_backup"
        assert not list(manager.layout.backups("alice").glob("*.part"))


class Broken(BaseHTTPRequestHandler):
    """A bucket that is out of order, or, at the path ``/hangs``, says nothing at all."""

    ended = threading.Event()

    def do_PUT(self) -> None:
        if self.path.startswith("/hangs"):
            self.ended.wait(10)
        self.send_response(503)
        self.end_headers()

    do_GET = do_HEAD = do_DELETE = do_POST = do_PUT  # noqa: N815 (as http.server has it)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def broken_bucket() -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    server.daemon_threads = True
    Broken.ended.clear()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield {
            "replica_endpoint": f"http://127.0.0.1:{server.server_address[1]}",
            "replica_access_key_id": KEY_ID,
            "replica_secret_access_key": SECRET,
        }
    finally:
        Broken.ended.set()
        server.shutdown()
        server.server_close()


def test_a_bucket_out_of_order_delays_the_copies_and_nothing_else() -> None:
    """Backups are made and restored here; what is missing there is counted, and told when asked."""
    with broken_bucket() as keys, running_manager(backup_url="s3://answers/x", **keys) as manager:
        pid = manager.api.run("alice")["pid"]
        backups = Backups(manager, "alice")
        backup = backups.make()
        assert backups.refused("GET", "backups?elsewhere=true") == "backup_failed"
        assert backups.refused("POST", "backups/unknown/fetch") == "backup_failed"
        assert backups.list()[0]["sent_at"] is None
        assert manager.api.instance("alice")["pid"] == pid
        assert "pblm_backups_unsent 1.0" in manager.api.call("GET", "/metrics").text
        assert backups.restore(backup)["status"] == "Running"


def test_a_bucket_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for ever."""
    monkeypatch.setattr(places, "PATIENCE", "0.2s")
    monkeypatch.setattr(places, "TRIES", 0)
    with broken_bucket() as keys:
        elsewhere = Elsewhere(Place(Settings(**keys), "s3://hangs"))  # type: ignore[arg-type]
        with pytest.raises(BackupError, match="does not answer"):
            elsewhere.entries("alice")
        with pytest.raises(NotFound):
            elsewhere.entry("alice", "../../bob/backups/some")
        with pytest.raises(BackupError, match="does not answer"):
            elsewhere.remove("alice", "some")


def test_a_bucket_takes_keys() -> None:
    """Without them the launch is refused, and the message says what is missing."""
    with pytest.raises(SettingsError, match=r"PB_BACKUP_URL=.*PB_REPLICA_ACCESS_KEY_ID"):
        Settings(backup_url="s3://bucket/x")
