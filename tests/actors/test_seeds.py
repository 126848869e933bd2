"""Seeds: what a new user's data directory begins as."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from actors.data.template import Template
from actors.layout import Layout
from actors.nursery.nursery import Nursery, SeedTaken, differences
from actors.nursery.seeds import Seeds
from actors.services import Services
from tests.actors.fakes import make_database
from tests.actors.house import House


def make_seed(path: Path, *, settings: str = '{"meta":{"appName":"first"}}') -> Path:
    """Make what little of PocketBase's database is looked at."""
    make_database(path, file="init.js", applied=7)
    with closing(sqlite3.connect(path / "data.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE _params (id TEXT, value TEXT, created TEXT, updated TEXT)")
        database.execute("INSERT INTO _params VALUES ('settings', ?, 'now', 'now')", [settings])
        database.execute(
            "CREATE TABLE _collections (name TEXT, type TEXT, fields TEXT, options TEXT)"
        )
        database.execute("CREATE TABLE users (id TEXT, made TEXT, tokenKey TEXT)")
        fields = '[{"name":"made","type":"autodate"},{"name":"id","type":"text"}]'
        options = '{"authToken":{"secret":"s1","duration":60}}'
        values = ["users", "auth", fields, options]
        database.execute("INSERT INTO _collections VALUES (?, ?, ?, ?)", values)
    return path


def change(path: Path, statement: str) -> Path:
    with closing(sqlite3.connect(path / "data.db", isolation_level=None)) as database:
        database.execute(statement)
    return path


@pytest.fixture
def seeds(tmp_path: Path) -> Seeds:
    layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
    layout.prepare()
    return Seeds(Template(None, layout))


def app_name(data: Path) -> str:
    with closing(sqlite3.connect(data / "data.db")) as database:
        (value,) = database.execute("SELECT value FROM _params").fetchone()
    return str(msgspec.json.decode(value)["meta"]["appName"])


def test_a_seed_is_planted_once_and_named_for_its_user(seeds: Seeds, tmp_path: Path) -> None:
    """It takes the place of the empty directory; the next user finds none."""
    taken: list[None] = []
    seeds.on_taken(lambda: taken.append(None))
    seeds.add(make_seed(tmp_path / "seed"))
    for user_id, had in (("ann", {"init.js"}), ("ben", None)):
        data = tmp_path / user_id
        data.mkdir()
        assert seeds.plant(user_id, data) == had
    assert app_name(tmp_path / "ann") == "ann"
    assert not (tmp_path / "seed").exists()
    assert not any((tmp_path / "ben").iterdir())
    assert len(taken) == 1


def test_nothing_is_planted_over_what_is_there(seeds: Seeds, tmp_path: Path) -> None:
    """What a first start that was interrupted has left stays as it is."""
    seeds.add(make_seed(tmp_path / "seed"))
    data = tmp_path / "ann"
    data.mkdir()
    (data / "left").write_text("here")
    assert seeds.plant("ann", data) is None
    assert [path.name for path in data.iterdir()] == ["left"]


def test_a_damaged_seed_is_not_planted(seeds: Seeds, tmp_path: Path) -> None:
    """The user begins without, as with none."""
    seeds.add(tmp_path / "no such seed")
    data = tmp_path / "ann"
    data.mkdir()
    assert seeds.plant("ann", data) is None
    assert data.exists()


def test_only_a_new_user_gets_a_seed(house: House, tmp_path: Path) -> None:
    """Who has run before, or has anything, is started on what is theirs."""
    house.run("old")
    house.stop("old")
    house.end("old")
    house.services.seeds.add(make_seed(house.layout.nursery / "seed"))
    house.run("old")
    assert len(house.services.seeds) == 1
    house.run("new")
    assert len(house.services.seeds) == 0
    assert house.record("new").identity == "init.js@7"
    assert app_name(house.layout.data("new")) == "new"


def test_two_first_starts_differ_in_what_every_copy_gets_anew(tmp_path: Path) -> None:
    """Times, keys, secrets and names make no difference."""
    one = change(make_seed(tmp_path / "one"), "INSERT INTO users VALUES ('x', 'then', 'k1')")
    settings = '{"meta":{"appName":"second"}}'
    other = make_seed(tmp_path / "other", settings=settings)
    change(other, "INSERT INTO users VALUES ('x', 'now', 'k2')")
    change(other, "UPDATE _migrations SET applied = 99")
    change(other, "UPDATE _params SET updated = 'later'")
    change(other, """UPDATE _collections SET options = replace(options, 's1', 's2')""")
    assert differences(one, other) == []


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("INSERT INTO users VALUES ('random', 'now', 'k')", "users"),
        ("UPDATE _params SET value = replace(value, '{', '{\"more\":1,')", "_params"),
        ("UPDATE _collections SET options = replace(options, '60', '61')", "_collections"),
        ("CREATE TABLE extra (x TEXT)", "extra"),
        ("CREATE INDEX more ON users (made)", "the schema"),
    ],
)
def test_everything_else_makes_a_difference(tmp_path: Path, statement: str, where: str) -> None:
    """What is not known to be made anew keeps the template from being copied."""
    one = make_seed(tmp_path / "one")
    other = change(make_seed(tmp_path / "other"), statement)
    assert where in differences(one, other)


def test_files_beside_the_databases_make_a_difference(tmp_path: Path) -> None:
    """An upload of a migration has a random name."""
    one, other = make_seed(tmp_path / "one"), make_seed(tmp_path / "other")
    (other / "storage").mkdir()
    assert differences(one, other) == ["storage"]


def test_however_many_are_taken_the_nursery_looks_once(house: House) -> None:
    """While others start it leaves them the machine, and does not gather looks for later."""
    services = house.services
    nursery = Nursery.start(services)
    (services.layout.nursery / home_of(services) / "origin").mkdir(parents=True)
    for number in range(services.settings.seeds * 3 // 4):
        services.seeds.add(services.layout.nursery / f"seed.{number}")
    assert services.queue.join("somebody", lambda: None)
    for _ in range(5):
        nursery.tell(SeedTaken())
        nursery.ask(None)
        house.clock.advance(0.1)
        nursery.ask(None)
    assert len(house.clock.due()) == 1
    nursery.stop()


def home_of(services: Services) -> str:
    """The nursery's own directory, of this version and template."""
    key = f"{services.version} {services.template.digest}"
    return hashlib.sha256(key.encode()).hexdigest()[:16]
