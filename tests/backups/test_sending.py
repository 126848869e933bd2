"""What lies at ``PB_BACKUP_URL`` follows what is done here: a user is purged, renamed, pruned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from actors.backups.catalogue import Entry
from actors.backups.elsewhere import Elsewhere
from actors.backups.keeper import make_keeper
from actors.backups.snapshot import sha256_of
from actors.capability import Capability
from actors.facts import Asked
from actors.replication.place import Place
from bus.answers import BackupAnswer
from bus.requests import DeleteInstance, FetchBackup
from tests.actors.house import Caller, House, opened
from tests.backups.test_schedule import entry
from tests.house.surroundings import eventually


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "dbs", backup_url=str(tmp_path / "away")) as house:
        yield house


@pytest.fixture
def away(house: House) -> Elsewhere:
    return Elsewhere(Place(house.settings, house.settings.backup_url))


@pytest.fixture
def keeper(house: House) -> Iterator[Capability]:
    capability = make_keeper(house.services)
    yield capability
    capability.close()


def send(away: Elsewhere, user_id: str, tmp_path: Path, identity: str = "some@1") -> Entry:
    """Have a backup of the user there that is not here."""
    made = entry(timedelta(days=365))
    archive = tmp_path / "some.zip"
    archive.write_bytes(b"some")
    manifest = msgspec.structs.replace(made.manifest, identity=identity)
    sent = msgspec.structs.replace(made, manifest=manifest, sha256=sha256_of(archive))
    away.send(user_id, sent, archive, lambda: True)
    return sent


def test_who_keeps_his_backups_keeps_those_that_are_only_there(
    house: House, away: Elsewhere, keeper: Capability, tmp_path: Path
) -> None:
    """Purging says which: that there are none here, as after the loss of a disk, says nothing."""
    for user_id in ("alice", "bob"):
        sent = send(away, user_id, tmp_path)
        house.run(user_id)
        house.ask(DeleteInstance(user_id=user_id, purge=True, keep_backups=user_id == "alice"))
        house.end(user_id)
        assert house.store.get(user_id) is None
        keeper.hear(house.events[-1])
    eventually(lambda: away.entries("bob") == [], "whoever does not is forgotten")
    assert away.entries("alice") == [sent]


def test_what_is_removed_while_it_is_listed_is_left_out(
    away: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are listed all the same."""
    sent = send(away, "alice", tmp_path)
    names = {f"{each}.{end}" for each in (sent.id, "gone") for end in ("json", "zip")}
    monkeypatch.setattr(Place, "names", lambda *_: names)
    assert away.entries("alice") == [sent]


def test_what_is_another_users_is_not_fetched(
    house: House, away: Elsewhere, keeper: Capability, tmp_path: Path
) -> None:
    """Whoever gets a name that another one had before a rename gets nothing of his."""
    house.run("renamed")
    (identity,) = {each.identity for each in house.store.records()}
    assert identity is not None
    others = send(away, "alice", tmp_path, identity)
    caller = Caller()

    def fetch() -> None:
        request = FetchBackup(user_id="alice", backup=others.id)
        keeper.owner.tell(Asked(request=request, reply=caller.answers.put))

    fetch()
    assert caller.error().code == "conflict"
    assert not house.layout.backups("alice").exists()
    house.store.forget("renamed")
    fetch()
    assert caller.answer() == BackupAnswer(backup=others.backup)
