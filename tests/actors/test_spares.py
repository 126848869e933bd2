"""Spares: how a directory becomes a user's while it is served."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from actors import proc
from actors.data.userdata import TokenKey
from actors.layout import Layout
from actors.lock import DirectoryLock
from actors.nursery.spares import Spare, Spares, move_in
from actors.proc import ProcessIdentity
from tests.actors.fakes import FakeProcess
from tests.actors.test_proc import child


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
    layout.prepare()
    return layout


def make_spare(layout: Layout, number: int = 1) -> Spare:
    """Make a spare's files, and a process of paper."""
    name = f"~spare.{number}"
    within = msgspec.structs.replace(layout, root=layout.nursery / "spares")
    within.data(name).mkdir(parents=True)
    (within.data(name) / "data.db").write_text("its data")
    within.log(name).write_text("its words")
    within.lock(name).touch()
    identity = ProcessIdentity(pid=5_000_000 + number, start_ticks=1, boot_id="now")
    process = FakeProcess(identity, str(within.data(name)), 9000, -1)
    key = TokenKey(collection_id="c", record_id="r", secret="s", seconds=60)
    return Spare(
        name=name,
        layout=within,
        process=process,
        port=9000,
        identity="x@1",
        key=key,
        binary="0ld",
    )


def test_both_names_lead_to_the_users_directory(layout: Layout) -> None:
    """After the move the directory has the user's name, and the spare's path is a link to it."""
    spare = make_spare(layout)
    place = spare.layout.data(spare.name)
    assert move_in(spare, "ann", layout)
    assert layout.data("ann").is_dir()
    assert not layout.data("ann").is_symlink()
    assert os.readlink(place) == str(layout.data("ann"))
    assert (place / "data.db").read_text() == "its data"
    assert layout.log("ann").read_text() == "its words"
    assert layout.lock("ann").exists()
    assert not spare.layout.lock(spare.name).exists()


def test_its_process_serves_the_users_directory(layout: Layout) -> None:
    """Whoever looks at the process later finds the user's directory, not the spare's."""
    spare = make_spare(layout)
    place = spare.layout.data(spare.name)
    with child("serve", f"--dir={place}") as pid:
        assert proc.served_directory(pid) == str(place)
        assert str(place) in proc.named_directories()
        assert move_in(spare, "ann", layout)
        assert proc.served_directory(pid) == str(layout.data("ann"))
        assert str(place) in proc.named_directories()


@pytest.mark.parametrize("what", ["directory", "log", "lock"])
def test_nothing_is_moved_over_what_is_there(layout: Layout, what: str) -> None:
    """Where the user has anything already, everything stays as it is."""
    spare = make_spare(layout)
    held = None
    match what:
        case "directory":
            layout.data("ann").mkdir()
        case "log":
            layout.log("ann").write_text("of an earlier try")
        case "lock":
            held = DirectoryLock.take(layout.lock("ann"))
    assert not move_in(spare, "ann", layout)
    assert not spare.layout.data(spare.name).is_symlink()
    assert spare.layout.log(spare.name).read_text() == "its words"
    assert layout.data("ann").exists() is (what == "directory")
    if held is not None:
        held.close()


def test_each_is_taken_once_and_only_while_it_lives(layout: Layout) -> None:
    """Who comes too late gets none, and one that has ended is nobody's."""
    spares, taken = Spares(), []
    spares.on_taken(lambda: taken.append(len(spares)))
    dead, first, second = (make_spare(layout, number) for number in (1, 2, 3))
    for spare in (dead, first, second):
        spares.add(spare)
    dead.process.exited = True
    assert spares.take() is first
    assert spares.forget(second.name)
    assert not spares.forget(first.name)
    assert spares.take() is None
    assert len(taken) == 1
