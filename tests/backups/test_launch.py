"""What the keeper finds when it begins, however bad it is, does not end the schedule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import durable
from actors.backups.facts import Begin
from actors.backups.keeper import LONGEST_ROUND, BackupKeeper
from tests.actors.house import House, opened
from tests.house.surroundings import eventually


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "dbs") as house:
        yield house


def test_what_cannot_be_read_at_first_is_read_again(house: House) -> None:
    """A disk that comes late: the keeper begins again until it has read what there is."""
    root = house.layout.backups_root
    root.rmdir()
    keeper = BackupKeeper.start(house.services)
    try:
        keeper.tell(Begin())
        eventually(lambda: bool(house.clock.due()), "it begins again later")
        rubbish = root / "pb_user_alice.db" / "half.part"
        rubbish.parent.mkdir(parents=True)
        rubbish.touch()
        os.utime(rubbish, (0, 0))
        house.clock.advance(LONGEST_ROUND)
        eventually(lambda: not rubbish.exists(), "it has read what there is")
    finally:
        keeper.stop()


def test_what_moves_away_meanwhile_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is gone when it is looked at has nothing to be removed."""
    for name in ("one", "other"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    removed: list[Path] = []

    def remove(path: Path) -> None:
        removed.append(path)
        for each in tmp_path.iterdir():
            each.unlink()

    monkeypatch.setattr(durable, "remove", remove)
    durable.sweep(tmp_path, before=1)
    assert len(removed) == 1
