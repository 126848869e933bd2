"""Trials: whatever moment a manager ends at, the data are whole, old or new."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actors.data.contents import always
from actors.layout import Layout
from actors.store import Store
from actors.versions.shelf import Binary
from actors.versions.trial import Trial, finish_trials
from tests.actors.fakes import make_database
from tests.actors.test_store import record
from tests.backups.test_swap import Killed, Steps
from tests.bus.parts import NOW

NEWER = Binary(digest="2e3", version="0.41.0", path="/opt/newer")


class World:
    """One user with data, an upload and a request log; and what a newer PocketBase makes of it."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root=root, control=root / ".pblm")
        self.layout.prepare()
        self.store = Store(self.layout.registry)
        self.row = record(user_id="alice", identity="first.js@1", version="0.40.6", binary="0ld")
        self.store.put(self.row)
        self.data = self.layout.data("alice")
        make_database(self.data)
        (self.data / "storage" / "c" / "r").mkdir(parents=True)
        (self.data / "storage" / "c" / "r" / "upload.txt").write_text("hello")
        (self.data / "auxiliary.db").write_text("a log")
        self.trial = Trial(self.layout, "alice")

    def start_newer(self) -> None:
        """Copy, exchange, and migrate as the newer one does."""
        self.trial.copy(always)
        self.trial.begin(self.row, NEWER, NOW)
        with closing(sqlite3.connect(self.data / "data.db", isolation_level=None)) as database:
            database.execute("CREATE TABLE of_the_newer (x)")

    def restart(self) -> None:
        """A manager begins."""
        self.store.close()
        self.store = Store(self.layout.registry)
        finish_trials(self.store, self.layout, NOW)

    def found(self) -> str:
        """Whole data, and whose they are."""
        assert (self.data / "storage" / "c" / "r" / "upload.txt").read_text() == "hello"
        assert (self.data / "auxiliary.db").read_text() == "a log"
        with closing(sqlite3.connect(self.data / "data.db")) as database:
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        assert "_migrations" in tables
        newer = Trial(self.layout, "alice").is_under_way(NEWER)
        assert newer or "of_the_newer" not in tables  # its copy is never taken for the former data
        return "newer" if newer else "older"


def fail(world: World) -> None:
    world.start_newer()
    world.trial.take_back()


def succeed(world: World) -> None:
    world.start_newer()


@pytest.mark.parametrize("work", [fail, succeed])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_step_leaves_older_or_newer_data_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[World], None], after: bool
) -> None:
    """Killed before or after each step on disk, the next manager has whole data, knowing whose."""
    outcomes = set()
    for kill_at in itertools.count():
        world = World(tmp_path / str(kill_at))
        with monkeypatch.context() as patch:
            steps = Steps(patch, kill_at, after=after)
            with contextlib.suppress(Killed):
                work(world)
        world.restart()
        outcomes.add(world.found())
        world.store.close()
        if steps.taken < kill_at:
            break
    assert outcomes == {"older", "newer"}
    assert kill_at > 3


def test_what_was_proven_keeps_the_former_data_for_a_while(tmp_path: Path) -> None:
    """They lie aside, whole, until they are old."""
    world = World(tmp_path)
    world.start_newer()
    world.trial.prove()
    world.restart()
    assert (world.layout.upgrade("alice") / "old" / "data.db").exists()
    assert not world.trial.is_under_way(NEWER)
    assert not world.trial.take_back()

    world.trial.forget(NOW.replace(year=NOW.year + 1))
    assert not world.layout.upgrade("alice").exists()
    assert world.data.exists()
    world.store.close()


def test_a_copy_that_nobody_wants_any_more_ends(tmp_path: Path) -> None:
    """It leaves the data where they are."""
    world = World(tmp_path)
    with pytest.raises(Exception, match="interrupted"):
        world.trial.copy(lambda: False)
    world.restart()
    assert world.found() == "older"
    world.store.close()
