"""Digests: a file is read once, and again when anything about it has changed."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.clock import utc_now
from actors.versions.digests import DIGITS, SETTLED, Digests


def digest_of(content: bytes) -> str:
    """Return what a file of that content is known by."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is so much later that what was written before has settled."""
    monkeypatch.setattr("actors.versions.digests.utc_now", lambda: utc_now() + SETTLED)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An executable."""
    path = tmp_path / "pocketbase"
    path.write_bytes(b"one")
    return path


def remembered(tmp_path: Path) -> Digests:
    """Return them as the next launch finds them."""
    return Digests(tmp_path / "digests.json")


def test_what_was_read_is_not_read_again(tmp_path: Path, file: Path) -> None:
    """The next launch takes the word of the last one."""
    assert remembered(tmp_path).of(file) == digest_of(b"one")
    written = tmp_path / "digests.json"
    written.write_bytes(written.read_bytes().replace(digest_of(b"one").encode(), b"0" * DIGITS))
    assert remembered(tmp_path).of(file) == "0" * DIGITS


def test_what_has_changed_is_read(tmp_path: Path, file: Path) -> None:
    """Be it as long as before, and made to look as old."""
    remembered(tmp_path).of(file)
    before = file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of the file system ticks
        file.write_bytes(b"two")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered(tmp_path).of(file) == digest_of(b"two")


def test_another_file_in_its_place_is_read(tmp_path: Path, file: Path) -> None:
    """As an installer puts it there."""
    remembered(tmp_path).of(file)
    other = tmp_path / "other"
    other.write_bytes(b"two")
    other.rename(file)
    assert remembered(tmp_path).of(file) == digest_of(b"two")


def test_what_has_just_changed_is_not_remembered(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may change again, and nothing would tell of it."""
    changed = datetime.fromtimestamp(file.stat().st_ctime, UTC)
    monkeypatch.setattr("actors.versions.digests.utc_now", lambda: changed + SETTLED / 2)
    assert remembered(tmp_path).of(file) == digest_of(b"one")
    assert not (tmp_path / "digests.json").exists()


def test_who_has_gone_is_forgotten(tmp_path: Path, file: Path) -> None:
    """The list does not grow with every PocketBase there was."""
    kept = tmp_path / "kept"
    kept.write_bytes(b"kept")
    of = remembered(tmp_path).of
    of(file), of(kept)
    kept.unlink()
    file.write_bytes(b"two")
    of(file)
    assert b"kept" not in (tmp_path / "digests.json").read_bytes()


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"/opt/pocketbase": 1}', b"\xff\xfe"])
def test_a_damaged_list_is_none(tmp_path: Path, file: Path, damage: bytes) -> None:
    """It is made anew."""
    (tmp_path / "digests.json").write_bytes(damage)
    assert remembered(tmp_path).of(file) == digest_of(b"one")
    assert remembered(tmp_path).of(file) == digest_of(b"one")


def test_where_nothing_can_be_written_it_is_read_each_time(tmp_path: Path, file: Path) -> None:
    """A launch does not fail of that."""
    nowhere = Digests(tmp_path / "missing" / "digests.json")
    assert [nowhere.of(file), nowhere.of(file)] == [digest_of(b"one")] * 2
