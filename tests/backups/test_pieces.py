"""Files that go over the bus a piece at a time: nothing is lost, doubled or left lying about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import cast

import pytest

from actors.backups.catalogue import Catalogue
from actors.backups.pieces import ABANDONED, Pieces
from actors.clock import FakeClock
from actors.layout import Layout
from actors.services import Services
from bus.answers import Answer, ErrorAnswer, UploadAnswer
from bus.requests import PutUpload, ReadBackup
from bus.settings import Settings
from tests.house.surroundings import PATIENCE

NAME = f"{'0123456789abcdef' * 2}.zip"


class Desk:
    """Pieces of one manager, with nothing else of it."""

    def __init__(self, root: Path) -> None:
        settings, self.clock = Settings(user_dbs_path=root), FakeClock()
        self.uploads = settings.uploads_path
        self.uploads.mkdir(parents=True)
        services = SimpleNamespace(settings=settings, clock=self.clock)
        layout = Layout(root=root, control=settings.control_path)
        catalogue = Catalogue(layout, lambda user_id, entries: None)
        self.pieces = Pieces(cast(Services, services), catalogue)

    def ask(self, request: ReadBackup | PutUpload) -> Answer:
        """Return the answer."""
        box: SimpleQueue[Answer] = SimpleQueue()
        self.pieces.serve(request, box.put)
        return box.get(timeout=PATIENCE)

    def put(self, offset: int, piece: bytes, name: str = NAME) -> Answer:
        """Add a piece."""
        return self.ask(PutUpload(user_id="bob", upload=name, offset=offset, piece=piece))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.pieces.close()


def _code(answer: Answer) -> str:
    assert isinstance(answer, ErrorAnswer), answer
    return answer.code


def test_pieces_become_the_file_that_they_are_of(desk: Desk) -> None:
    """One after another, for the manager's eyes only."""
    assert desk.put(0, b"one ") == UploadAnswer(bytes=4)
    assert desk.put(4, b"two") == UploadAnswer(bytes=7)
    path = desk.uploads / NAME
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one two", 0o600)


def test_a_piece_that_does_not_follow_is_refused(desk: Desk) -> None:
    """Behind a hole, or once more: what is there stays as it is."""
    assert _code(desk.put(4, b"two")) == "conflict"
    desk.put(0, b"one ")
    assert [_code(desk.put(offset, b"one ")) for offset in (0, 5)] == ["conflict", "conflict"]
    assert (desk.uploads / NAME).read_bytes() == b"one "


@pytest.mark.parametrize("name", ["../registry.db", "it.zip", f"{NAME}x"])
def test_only_an_upload_is_written(desk: Desk, name: str) -> None:
    """A name that leads anywhere else is none."""
    assert _code(desk.put(0, b"one", name)) == "not_found"
    assert os.listdir(desk.uploads) == []


def test_what_nobody_finished_is_removed_when_the_next_begins(desk: Desk) -> None:
    """What was added to within the hour stays."""
    for name, age in (("a" * 32, 2 * ABANDONED), ("b" * 32, ABANDONED / 2)):
        desk.put(0, b"one", f"{name}.zip")
        at = desk.clock.now().timestamp() - age
        os.utime(desk.uploads / f"{name}.zip", (at, at))
    desk.put(0, b"one")
    assert set(os.listdir(desk.uploads)) == {f"{'b' * 32}.zip", NAME}


def test_a_backup_that_is_not_there_has_no_pieces(desk: Desk) -> None:
    """Whoever asks is told so."""
    assert _code(desk.ask(ReadBackup(user_id="bob", backup="b1"))) == "not_found"
