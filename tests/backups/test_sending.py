"""What lies at ``PB_BACKUP_URL`` follows what is done here: a user is purged, renamed, pruned."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from actors.backups.catalogue import Catalogue, Entry
from actors.backups.elsewhere import Elsewhere
from actors.backups.keeper import LONGEST_ROUND, make_keeper
from actors.backups.snapshot import sha256_of
from actors.capability import Capability
from actors.facts import Asked
from actors.layout import make_private_directory
from actors.replication.place import Place
from bus.answers import Answer, BackupAnswer
from bus.errors import BackupError
from bus.requests import CreateBackup, DeleteBackup, DeleteInstance, FetchBackup, Request
from tests.actors.fakes import PATIENCE
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


def ask(keeper: Capability, request: Request) -> Caller:
    """Ask the keeper."""
    caller = Caller()
    keeper.owner.tell(Asked(request=request, reply=caller.answers.put))
    return caller


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
    request = FetchBackup(user_id="alice", backup=others.id)
    assert ask(keeper, request).error().code == "conflict"
    assert not house.layout.backups("alice").exists()
    house.store.forget("renamed")
    assert ask(keeper, request).answer() == BackupAnswer(backup=others.backup)


def test_what_hangs_there_keeps_nobody_waiting_here(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is removed goes one after the other, beside all else; what fails is tried again."""
    house.run("alice")
    catalogue = Catalogue(house.layout, house.services.kept.note)
    make_private_directory(catalogue.folder("alice"))
    sent = [msgspec.structs.replace(entry(timedelta(days=n)), sent_as="alice") for n in range(6)]
    for each in sent:
        catalogue.archive("alice", each).touch()
        catalogue.put("alice", each)
    answers, tried = threading.Event(), list[str]()

    def remove(_: Elsewhere, user_id: str, backup_id: str) -> None:
        tried.append(backup_id)
        assert answers.wait(PATIENCE)
        if tried == [sent[0].id]:
            raise BackupError("Not now")

    def all_tried() -> bool:
        house.clock.advance(LONGEST_ROUND)
        return tried == [*(each.id for each in sent), sent[0].id]

    monkeypatch.setattr(Elsewhere, "remove", remove)
    with closing(make_keeper(house.services)) as keeper:  # which reads what there is
        try:
            for each in sent:
                removed = ask(keeper, DeleteBackup(user_id="alice", backup=each.id))
                assert isinstance(removed.answer(), BackupAnswer)
            assert isinstance(ask(keeper, CreateBackup(user_id="alice")).answer(), Answer)
            eventually(lambda: tried == [sent[0].id], "one at a time, which hangs")
        finally:
            answers.set()
        eventually(all_tried, "the first is tried again last")
