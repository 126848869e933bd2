"""Migrations that an instance has had: it is started without them, and finds them once it runs."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.data import belongings
from actors.data.template import BOOTSTRAP, MIGRATIONS, Template
from actors.layout import Layout
from actors.versions.trial import Trial
from bus.states import Status
from tests.actors.house import NEW, House
from tests.actors.test_seeds import make_seed

PLANNED = [BOOTSTRAP, "1700000000_ours.js", ".ts"]


def apply(data: Path, *migrations: str) -> None:
    """Have the database in ``data`` be one that has had these."""
    with closing(sqlite3.connect(data / "data.db")) as database, database:
        rows = [(name, 2 + number) for number, name in enumerate(migrations)]
        database.executemany("INSERT INTO _migrations VALUES (?, ?)", rows)


def given(house: House) -> Path:
    """Return the directory of migrations that the last process was given."""
    (flag,) = [word for word in house.processes.spawned[-1].argv if word.startswith("--migrations")]
    return Path(flag.partition("=")[2])


def destroyed(layout: Layout) -> None:
    belongings.destroy(layout, "alice", keep_backups=False)


def renamed(layout: Layout) -> None:
    belongings.rename(layout, "alice", "bob")


def set_aside(layout: Layout) -> None:
    belongings.set_aside(layout, "alice", epoch=1, at=datetime(2026, 1, 1, tzinfo=UTC))


def stop(house: House) -> None:
    house.stop()
    house.end()


@pytest.fixture
def complete(house: House) -> House:
    """Return a house in which alice is stopped, and has had all of the template's."""
    house.run()
    stop(house)
    apply(house.layout.data("alice"), BOOTSTRAP)
    return house


def test_who_has_had_all_is_started_without_any(complete: House) -> None:
    """What its directory of migrations names is not there until it runs, each time anew."""
    template = complete.services.template.directory(MIGRATIONS)
    link = complete.layout.migrations("alice")
    for _ in range(2):
        complete.init()
        assert given(complete) == link
        assert not link.is_symlink()
        complete.ready()
        assert link.resolve() == template.resolve()
        stop(complete)


def test_who_lacks_one_is_given_the_template(house: House) -> None:
    """A new user, and one whose data had others."""
    template = house.services.template.directory(MIGRATIONS)
    house.run()
    assert given(house) == template
    stop(house)
    apply(house.layout.data("alice"), "1600000000_another.js")
    house.init()
    assert given(house) == template


@pytest.mark.parametrize("complete", [True, False])
def test_a_seed_is_looked_at_like_everybodys_data(house: House, complete: bool) -> None:
    """One of a PocketBase that says nothing of a migration that failed has not had it."""
    seed = make_seed(house.layout.nursery / "seed")
    if complete:
        apply(seed, BOOTSTRAP)
    house.services.seeds.add(seed)
    house.init()
    assert len(house.services.seeds) == 0
    template = house.services.template.directory(MIGRATIONS)
    assert given(house) == (house.layout.migrations("alice") if complete else template)


def test_what_cannot_be_hidden_is_shown(complete: House, caplog: pytest.LogCaptureFixture) -> None:
    """Something in the way of the link costs the speed, and nothing else."""
    link = complete.layout.migrations("alice")
    link.unlink()
    link.mkdir()
    with caplog.at_level(logging.WARNING):
        complete.init()
        complete.ready()
    assert given(complete) == complete.services.template.directory(MIGRATIONS)
    assert "alice: starts with migrations that it has had" in caplog.text


def test_the_next_manager_shows_what_this_one_could_not_any_more(complete: House) -> None:
    """One that died as soon as an instance ran has left it without."""
    complete.run()
    link = complete.layout.migrations("alice")
    link.unlink()
    complete.crash()
    complete.recover()
    assert (link / BOOTSTRAP).is_file()


def test_data_from_before_a_trial_are_given_the_template(complete: House) -> None:
    """What was looked at is the copy then, and that has had more than they."""
    record, trial = complete.record(), Trial(complete.layout, "alice")
    trial.copy(lambda: True)
    trial.begin(record, NEW, complete.clock.now())
    trial_data = complete.layout.data("alice")
    former = complete.layout.upgrade("alice")
    for old in former.rglob("data.db"):
        with closing(sqlite3.connect(old)) as database, database:
            database.execute("DELETE FROM _migrations WHERE file = ?", [BOOTSTRAP])
    assert (trial_data / "data.db").exists()
    complete.init()
    assert given(complete) == complete.services.template.directory(MIGRATIONS)


def test_what_cannot_be_shown_is_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """It costs nothing, unless PocketBase restores an old backup itself."""
    house.run()
    stop(house)
    apply(house.layout.data("alice"), BOOTSTRAP)
    link = house.layout.migrations("alice")
    with caplog.at_level(logging.WARNING):
        house.init()
        shutil.rmtree(link.parent, ignore_errors=True)
        house.ready()
    assert house.status() is Status.RUNNING
    assert "alice: if it restores a backup from before the template by itself" in caplog.text


@pytest.mark.parametrize("leaves", [destroyed, renamed, set_aside])
def test_nothing_is_left_of_who_is_gone(complete: House, leaves: Callable[[Layout], None]) -> None:
    """A purge, a rename and the lost and found take the link away."""
    complete.run()
    stop(complete)
    link = complete.layout.migrations("alice")
    assert link.is_symlink()
    leaves(complete.layout)
    assert not link.is_symlink()


def test_only_scripts_in_the_directory_itself_are_migrations(tmp_path: Path) -> None:
    """As PocketBase has it: neither notes beside them nor what lies deeper."""
    folder = tmp_path / "template" / MIGRATIONS
    (folder / "lib").mkdir(parents=True)
    for name in ("1700000000_ours.js", ".ts", "README.md", "lib/shared.js"):
        (folder / name).write_text("")
    layout = Layout(root=tmp_path / "dbs", control=tmp_path / "dbs" / ".pblm")
    layout.prepare()
    template = Template(folder.parent, layout)
    assert template.is_applied(frozenset(PLANNED))
    assert not template.is_applied(frozenset([BOOTSTRAP, "1700000000_ours.js"]))
    assert not template.is_applied(frozenset())
