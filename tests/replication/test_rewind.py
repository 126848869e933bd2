"""Back to a moment: a backup out of the replica, restored as any other."""

from __future__ import annotations

import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from actors.clock import utc_now
from actors.layout import Layout, directory_name
from actors.replication import litestream
from actors.replication.place import Place
from actors.replication.rewind import Rewind
from bus.errors import BackupError
from bus.settings import Settings
from tests.backups.calls import Backups
from tests.backups.plain import DOCUMENTS
from tests.house.caller import Json
from tests.house.manager import Manager, manager_of, running_manager
from tests.house.surroundings import PATIENCE, eventually
from tests.house.test_access import mint
from tests.replication.s3 import bucket
from tests.replication.test_replicating import SOON, generations

LETTER = b"dear diary"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """Return a manager that replicates to a bucket."""
    with (
        bucket(tmp_path_factory.mktemp("s3")) as users,
        running_manager(**users.settings(), replica_sync_interval=SOON) as running,
    ):
        yield running


class Owner:
    """The superuser of one instance, who keeps documents."""

    def __init__(self, manager: Manager, user_id: str) -> None:
        self._manager = manager
        self._user_id = user_id

    def call(self, method: str, path: str, **content: object) -> requests.Response:
        """Return the answer to a call of the instance's API, which must succeed."""
        url = f"{self._manager.api.run(self._user_id)['url']}/api/{path}"
        headers = {"Authorization": mint(self._manager, self._user_id)["token"]}
        answer = requests.request(method, url, headers=headers, timeout=PATIENCE, **content)  # type: ignore[arg-type]
        assert answer.ok, answer.text
        return answer

    def documents(self) -> dict[str, Json]:
        """Return the documents by their titles."""
        found = self.call("GET", "collections/documents/records").json()["items"]
        return {each["title"]: each for each in found}

    def write(self, title: str, **files: bytes) -> Json:
        """Keep a document."""
        sent = {name: (f"{name}.txt", content) for name, content in files.items()} or None
        path = "collections/documents/records"
        made: Json = self.call("POST", path, data={"title": title}, files=sent).json()
        return made


def replica(manager: Manager, user_id: str) -> Json:
    """Return what is told of the user's replica."""
    answer = manager.api.call("GET", f"/api/users/{user_id}/replica")
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


def await_copy(manager: Manager, user_id: str, title: str) -> datetime:
    """Return a moment at which the document was in the replica."""
    eventually(lambda: is_copied(manager, user_id, title), f"{title} is in the replica")
    return utc_now()


def is_copied(manager: Manager, user_id: str, title: str) -> bool:
    """Whether a restore would bring the document now; the time of the last write does not tell."""
    place, user = Place(manager.settings), directory_name(user_id)
    rewind = Rewind(manager.settings, manager.layout, place)
    last = max(place.generations(user), default=None)
    with tempfile.TemporaryDirectory() as folder:
        if not last or not rewind.put_together(f"{user}/{last}", None, Path(folder), check="quick"):
            return False
        with closing(sqlite3.connect(Path(folder, "data.db"))) as database:
            try:
                found = database.execute("SELECT 1 FROM documents WHERE title = ?", [title])
            except sqlite3.OperationalError:  # not even the table
                return False
            return found.fetchone() is not None


def test_a_user_is_taken_back_to_a_moment(house: Manager) -> None:
    """Rows and files are as they were then, also a file that is gone; and it can be undone."""
    owner, backups = Owner(house, "ann"), Backups(house, "ann")
    owner.call("POST", "collections", json=DOCUMENTS)
    letter = owner.write("kept", one=LETTER)
    eventually(lambda: replica(house, "ann")["files"] >= 1, "the file is in the replica")
    owner.write("marked")
    moment = await_copy(house, "ann", "marked")
    owner.call("DELETE", f"collections/documents/records/{letter['id']}")
    owner.write("late")
    await_copy(house, "ann", "late")

    asked = {"at": moment.isoformat()}
    made = backups.done("POST", "backups", json=asked)["backup"]
    assert (made["kind"], made["missing"]) == ("replica", [])
    assert datetime.fromisoformat(made["taken_at"]) == moment
    backups.restore(made["id"])

    assert set(owner.documents()) == {"kept", "marked"}
    path = f"files/documents/{letter['id']}/{letter['one']}"
    assert owner.call("GET", path).content == LETTER
    backups.done("POST", "undo_restore")
    assert set(owner.documents()) == {"marked", "late"}


def test_what_was_restored_is_replicated_anew(house: Manager) -> None:
    """The restored database is another file, so it begins a generation; the former one stays."""
    owner, backups = Owner(house, "bea"), Backups(house, "bea")
    owner.call("POST", "collections", json=DOCUMENTS)
    first = backups.make()
    owner.write("lost")
    moment = await_copy(house, "bea", "lost")
    backups.restore(first)
    eventually(lambda: len(replica(house, "bea")["generations"]) == 2, "a second one began")
    assert owner.documents() == {}

    made = backups.done("POST", "backups", json={"at": moment.isoformat()})["backup"]
    backups.restore(made["id"])
    assert set(owner.documents()) == {"lost"}


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2001-01-01T00:00:00Z", "invalid_backup"),
        ("2026-11-24T15:00:00", "invalid_request"),
        ("yesterday", "invalid_request"),
    ],
)
def test_a_moment_that_cannot_be_had_is_refused(house: Manager, at: str, code: str) -> None:
    """Before the first copy there is nothing; and a moment has an offset."""
    house.api.run("cem")
    backups = Backups(house, "cem")

    assert backups.refused("POST", "backups", json={"at": at}) == code
    assert backups.list() == []


def test_a_damaged_replica_is_no_backup(tmp_path: Path) -> None:
    """It is refused, and the user's data are left alone."""
    with manager_of(replica_url=tmp_path, replica_sync_interval=SOON) as manager:
        manager.start()
        owner, backups = Owner(manager, "ann"), Backups(manager, "ann")
        owner.call("POST", "collections", json=DOCUMENTS)
        owner.write("kept")
        manager.api.stop("ann")
        for path in generations(manager, "ann")[-1].rglob("*.ltx"):
            path.write_bytes(path.read_bytes()[:-200])

        asked = {"at": datetime.now(UTC).isoformat()}
        assert backups.refused("POST", "backups", json=asked) in ("invalid_backup", "backup_failed")
        assert backups.list() == []
        assert set(owner.documents()) == {"kept"}
        manager.stop()


def test_where_nothing_is_replicated_there_is_no_way_back(tmp_path: Path) -> None:
    """And it is told so."""
    with running_manager() as manager:
        manager.api.run("ann")
        asked = {"at": "2026-11-24T15:00:00Z"}
        assert Backups(manager, "ann").refused("POST", "backups", json=asked) == "conflict"
        answer = manager.api.call("GET", "/api/users/ann/replica")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_bucket_that_takes_the_connection_and_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took an hour; what it may hold is not known then."""
    monkeypatch.setattr(litestream, "STALL", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(
            user_dbs_path=tmp_path,
            replica_url="s3://users/of/mine",
            replica_endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            replica_access_key_id="key",
            replica_secret_access_key="secret",
        )
        layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
        place = Place(settings)
        (draft := tmp_path / "draft").mkdir()
        with pytest.raises(BackupError, match="got nowhere"):
            Rewind(settings, layout, place).put_together("alice/e1", None, draft)
        place.close()
    assert list(draft.iterdir()) == []
