"""The way in and the way out: archives of ours, of PocketBase's own, and of anybody's."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from actors.data.contents import file_references
from tests.backups.calls import Backups, zipped, zipped_directory
from tests.backups.plain import PlainPocketBase, plain_pocketbase, titles
from tests.house.manager import Manager, running_manager
from tests.house.pocketbases import pocketbase
from tests.house.surroundings import PATIENCE
from tests.house.test_access import mint

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainPocketBase]:
    """Return a PocketBase of somebody who has no manager, with a document and its file."""
    with plain_pocketbase(tmp_path_factory.mktemp("plain")) as running:
        running.upload("mine", one=b"my file")
        yield running


def own_backup(plain: PlainPocketBase) -> bytes:
    """Return a backup as PocketBase itself makes it, by its API."""
    name = f"own_{os.urandom(4).hex()}.zip"
    plain.post("backups", json={"name": name})
    return (plain.data / "backups" / name).read_bytes()


def copied_while_it_ran(plain: PlainPocketBase) -> bytes:
    """Return a ZIP of a directory whose newest pages are still in the database's log."""
    plain.delete(plain.upload("fleeting"))
    copy = plain.data.parent / "copy"
    shutil.copytree(plain.data, copy, ignore=shutil.ignore_patterns("backups"))
    try:
        assert (copy / "data.db-wal").stat().st_size
        return zipped_directory(copy, "pb_data/")
    finally:
        shutil.rmtree(copy)


@pytest.mark.parametrize("archive", [own_backup, copied_while_it_ran])
@pytest.mark.parametrize("keep", ["true", "false"])
def test_somebody_comes_from_a_single_pocketbase(
    plain: PlainPocketBase, archive: Callable[[PlainPocketBase], bytes], keep: str
) -> None:
    """Records and files are there; tokens given out before stay good only if that was asked for."""
    with running_manager() as manager:
        moved = Backups(manager, "moved")
        instance = moved.done("POST", f"import?keep_secrets={keep}", data=archive(plain))
        assert instance["instance"]["status"] == "Stopped"
        instance = manager.api.run("moved")
        url = f"{instance['url']}/api/collections/documents/records"
        service = {"Authorization": mint(manager, "moved")["token"]}
        answer = requests.get(url, headers=service, timeout=PATIENCE).json()
        assert [each["title"] for each in answer["items"]] == ["mine"]
        (reference,) = file_references(Path(instance["db_path"]))
        assert (Path(instance["db_path"]) / reference.path).read_bytes() == b"my file"
        theirs = plain.http.get(url, timeout=PATIENCE).status_code
        assert theirs == (200 if keep == "true" else 403)
        manager.api.stop("moved")
        manager.api.run("moved")


def test_somebody_comes_from_pocketbase_0_23(manager: Manager, tmp_path: Path) -> None:
    """The oldest that is taken: a real directory of it is migrated, and served by this one."""
    older = PlainPocketBase(tmp_path / "pb_data", binary=pocketbase("0.23.12"))
    try:
        older.start()
        older.make_documents()
        older.upload("of old", one=b"their file")
    finally:
        older.stop()
    moved = Backups(manager, "older")
    moved.done("POST", "import", data=zipped_directory(older.data))
    instance = manager.api.run("older")
    assert titles(Path(instance["db_path"])) == ["of old"]
    (reference,) = file_references(Path(instance["db_path"]))
    assert (Path(instance["db_path"]) / reference.path).read_bytes() == b"their file"


def test_pocketbase_takes_back_what_is_taken_out(
    manager: Manager, plain: PlainPocketBase, tmp_path: Path
) -> None:
    """A download is one ZIP file; unpacked, it is a data directory that PocketBase serves."""
    out = Backups(manager, "out")
    out.done("POST", "import", data=own_backup(plain))
    backup = out.make()
    answer = out.call("GET", f"backups/{backup}")
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path / "pb_data")
    again = PlainPocketBase(tmp_path / "pb_data")
    try:
        again.start()
        again.upload("later")
    finally:
        again.stop(signal.SIGKILL)
    assert titles(tmp_path / "pb_data") == ["later", "mine"]


def test_an_upload_is_larger_than_any_other_body(plain: PlainPocketBase) -> None:
    """An archive of some MiB is taken, up to the limit; other calls take no such body."""
    with running_manager(import_limit_mib=8) as manager:
        large = Backups(manager, "large")
        body = own_backup(plain)
        padded = with_member(body, "storage/padding", os.urandom(4 * MIB))
        large.done("POST", "import", data=padded)
        too_large = with_member(body, "storage/padding", os.urandom(9 * MIB))
        with pytest.raises((requests.ConnectionError, AssertionError)):
            large.done("POST", "import", data=too_large)
        packed = with_member(body, "storage/bomb", b"\0" * 9 * MIB, zipfile.ZIP_DEFLATED)
        assert len(packed) < MIB
        assert Backups(manager, "bomb").refused("POST", "import", data=packed) == "invalid_backup"
        assert list(manager.settings.uploads_path.iterdir()) == []


def with_member(archive: bytes, name: str, content: bytes, method: int = 0) -> bytes:
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as target:
        target.writestr(name, content, method)
    return buffer.getvalue()


def link(name: str, target: str) -> bytes:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.db", b"")
        archive.writestr(info, target)
    return buffer.getvalue()


def other_database(statement: str) -> bytes:
    path = Path(f"/tmp/pblm-tests-{os.urandom(4).hex()}.db")
    try:
        with closing(sqlite3.connect(path)) as database:
            database.executescript(statement)
        return zipped({"data.db": path.read_bytes()})
    finally:
        path.unlink()


OLD = """
    CREATE TABLE _migrations (file TEXT, applied INTEGER);
    CREATE TABLE _collections (id TEXT, name TEXT, type TEXT, schema JSON, options JSON);
    CREATE TABLE _admins (id TEXT, email TEXT);
"""
BAD: dict[str, tuple[bytes, str]] = {
    "text": (b"this is no archive", "no ZIP file"),
    "nothing": (b"", "is empty"),
    "no database": (zipped({"readme.txt": b"hello"}), "has no data.db"),
    "garbage": (zipped({"data.db": b"garbage" * 999}), "damaged"),
    "empty database": (zipped({"data.db": b""}), "no database of a PocketBase"),
    "another program's": (other_database("CREATE TABLE t (a);"), "no database of a PocketBase"),
    "0.22": (other_database(OLD), "before 0.23"),
    "climbs": (zipped({"data.db": b"", "../../climbed": b"x"}), "leads elsewhere"),
    "climbs within": (zipped({"data.db": b"", "storage/../../climbed": b"x"}), "leads elsewhere"),
    "absolute": (zipped({"data.db": b"", "/tmp/climbed": b"x"}), "leads elsewhere"),
    "windows": (zipped({"data.db": b"", "storage\\..\\x": b"x"}), "leads elsewhere"),
    "link": (link("storage/link", "/etc/passwd"), "no plain file"),
    "cut off": (zipped({"data.db": b"x" * 999})[:-30], "its end is missing"),
    "file and directory": (
        zipped({"data.db": b"", "storage/a": b"x", "storage/a/b": b"x"}),
        "damaged",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_backup_is_refused_and_leaves_nothing(manager: Manager, name: str) -> None:
    """The error says what is wrong; there is no user, no file, and nothing outside."""
    body, what = BAD[name]
    bad = Backups(manager, "bad")
    answer = bad.call("POST", "import", data=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_backup"), answer.text
    assert what in answer.json()["message"]
    assert manager.api.find("bad") is None
    for place in (manager.settings.uploads_path, manager.layout.proofs):
        assert list(place.iterdir()) == []
    assert not list(manager.root.rglob("climbed"))


def test_a_user_who_is_there_is_not_imported_over(manager: Manager, plain: PlainPocketBase) -> None:
    """It is a conflict; so is a second user with the very same secrets."""
    manager.api.run("here")
    assert Backups(manager, "here").refused("POST", "import", data=b"x") == "conflict"
    body = own_backup(plain)
    Backups(manager, "first").done("POST", "import?keep_secrets=true", data=body)
    second = Backups(manager, "second")
    assert second.refused("POST", "import?keep_secrets=true", data=body) == "conflict"
    second.done("POST", "import", data=body)


def test_only_who_may_call_may_send(plain: PlainPocketBase) -> None:
    """Without the token, a large body is not even taken in."""
    with running_manager(api_token="secret") as manager:
        url = f"{manager.api.url}/api/users/x/import"
        body = with_member(own_backup(plain), "storage/padding", os.urandom(2 * MIB))
        try:
            status = requests.post(url, data=body, timeout=PATIENCE).status_code
        except requests.ConnectionError:
            status = 413
        assert status == 413
        Backups(manager, "x").done("POST", "import", data=body)
