"""Migrations that an instance has had: it is started without them, and finds them once it runs."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actors.data.template import BOOTSTRAP, MIGRATIONS, Template
from actors.layout import Layout
from actors.versions.trial import Trial
from tests.actors.house import NEW, House

PLANNED = [BOOTSTRAP, "1700000000_ours.js"]


def apply(data: Path, *migrations: str) -> None:
    """Have the database in ``data`` be one that has had these."""
    with closing(sqlite3.connect(data / "data.db")) as database, database:
        rows = [(name, 2 + number) for number, name in enumerate(migrations)]
        database.executemany("INSERT INTO _migrations VALUES (?, ?)", rows)


def given(house: House) -> Path:
    """Return the directory of migrations that the last process was given."""
    (flag,) = [word for word in house.processes.spawned[-1].argv if word.startswith("--migrations")]
    return Path(flag.partition("=")[2])


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


def test_only_scripts_in_the_directory_itself_are_migrations(tmp_path: Path) -> None:
    """As PocketBase has it: neither notes beside them nor what lies deeper."""
    folder = tmp_path / "template" / MIGRATIONS
    (folder / "lib").mkdir(parents=True)
    for name in ("1700000000_ours.js", "README.md", "lib/shared.js"):
        (folder / name).write_text("")
    layout = Layout(root=tmp_path / "dbs", control=tmp_path / "dbs" / ".pblm")
    layout.prepare()
    template = Template(folder.parent, layout)
    assert template.is_applied(frozenset(PLANNED))
    assert not template.is_applied(frozenset([BOOTSTRAP]))
    assert not template.is_applied(frozenset())
