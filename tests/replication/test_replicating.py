"""Real databases, copied as they change by a real Litestream; and what a replica is worth."""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from actors import proc
from actors.replication.place import Place
from actors.replication.replicas import Replicas
from bus.settings.replication import find_litestream
from bus.states import Status
from tests.house.caller import Json
from tests.house.manager import Manager, manager_of, running_manager
from tests.house.surroundings import PATIENCE, await_end, eventually
from tests.house.tenant import Tenant
from tests.house.test_access import mint
from tests.replication.s3 import KEY_ID, SECRET, Bucket, bucket

SOON = 0.2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """Return a manager that replicates to a directory."""
    place = tmp_path_factory.mktemp("replicas")
    with running_manager(replica_url=place, replica_sync_interval=SOON) as running:
        yield running


def child(instance: Json) -> int:
    """Return the PocketBase that the instance's Litestream is the parent of."""
    _, pid = proc.family(instance["pid"])
    return pid


def generations(manager: Manager, user_id: str) -> list[Path]:
    """Return where the user's database was copied to, oldest first."""
    assert manager.settings.replica_url is not None
    place = Path(manager.settings.replica_url) / manager.layout.data(user_id).name
    return sorted(place.iterdir())


def restored(manager: Manager, user_id: str, target: Path) -> list[str]:
    """Return the titles of the notes in what the last replica of the user holds."""
    source = f"file://{generations(manager, user_id)[-1]}"
    options = ["-integrity-check", "full", "-o", str(target)]
    subprocess.run([find_litestream(), "restore", *options, source], check=True, timeout=PATIENCE)
    with closing(sqlite3.connect(target)) as database:
        return [title for (title,) in database.execute("SELECT title FROM notes ORDER BY rowid")]


def write(manager: Manager, user_id: str, titles: list[str]) -> None:
    """Have notes with these titles, each of them acknowledged."""
    url = f"{manager.api.instance(user_id)['url']}/api/collections/notes/records"
    headers = {"Authorization": mint(manager, user_id)["token"]}
    with requests.Session() as session:
        for title in titles:
            answer = session.post(url, json={"title": title}, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 200, answer.text


def test_litestream_is_the_parent_and_both_end_together(house: Manager) -> None:
    """The actor owns one process, whose child listens; one stop ends both, and cleanly."""
    instance = house.api.run("ann")
    pid = child(instance)

    assert Path(proc.executable(instance["pid"]) or "").name == "litestream"
    assert proc.served_directory(pid) == instance["db_path"]
    assert "status 0" in house.api.stop("ann")["reason"]
    await_end(pid)


@pytest.mark.parametrize("which", ["parent", "child"])
def test_each_dies_with_the_other_and_both_come_again(house: Manager, which: str) -> None:
    """Killed one or the other: the death is told as one, and nothing is written unreplicated."""
    user_id = f"killed.{which}"
    first = house.api.run(user_id)
    pids = {"parent": first["pid"], "child": child(first)}
    with house.listen(user_id) as listener:
        os.kill(pids[which], signal.SIGKILL)
        heard = listener.until_status(Status.RUNNING)
    for pid in pids.values():
        await_end(pid)

    assert "SIGKILL" in heard[0].reason
    assert heard[0].instance.failure is not None
    assert heard[0].instance.failure.cause == "killed"
    assert set(proc.family(house.api.instance(user_id)["pid"])).isdisjoint(pids.values())


def test_every_acknowledged_write_is_in_the_replica(house: Manager, tmp_path: Path) -> None:
    """Through kills of either, more writes than a log holds at once, and a stop at the end."""
    Tenant(house.api.run("bea")).make_collection("notes")
    titles: list[str] = []
    for round_ in range(4):
        some = [f"{round_}-{number}-{'x' * 4000}" for number in range(80)]
        write(house, "bea", some)
        titles += some
        with house.listen("bea") as listener:
            instance = house.api.instance("bea")
            os.kill((instance["pid"], child(instance))[round_ % 2], signal.SIGKILL)
            listener.until_status(Status.FAILED)
            house.api.run("bea")
    write(house, "bea", ["the last"])
    house.api.stop("bea")

    assert restored(house, "bea", tmp_path / "restored.db") == [*titles, "the last"]
    assert len(generations(house, "bea")) == 1


def test_whoever_is_purged_is_gone_there_too(house: Manager) -> None:
    """Nothing of him is left in the place of the replicas."""
    house.api.run("gone")
    house.api.stop("gone")
    place = generations(house, "gone")[0].parent
    answer = house.api.call("DELETE", "/api/users/gone/pb?purge=true")
    assert answer.status_code == 200, answer.text
    eventually(lambda: not any(files for _, _, files in os.walk(place)), "it is removed there")


def test_how_far_a_replica_is_behind_is_a_metric(house: Manager) -> None:
    """What is written comes there, and then nothing waits."""
    tenant = Tenant(house.api.run("lag"))
    tenant.make_collection("notes")
    write(house, "lag", ["one"])

    def caught_up() -> bool:
        copied = any(generations(house, "lag")[-1].rglob("*.ltx"))
        return copied and "pblm_replica_lag_seconds 0.0" in house.api.call("GET", "/metrics").text

    eventually(caught_up, "nothing waits")


def test_a_pair_is_adopted(tmp_path: Path) -> None:
    """A manager that is killed leaves both; the next one takes them over and stops them."""
    with manager_of(replica_url=tmp_path / "replicas") as manager:
        manager.start()
        first = manager.api.run("ann")
        pid = child(first)
        manager.kill()
        manager.start()
        again = manager.api.run("ann")

        assert (again["pid"], child(again)) == (first["pid"], pid)
        assert "stray" not in manager.last_log()
        manager.stop()
        await_end(pid)


def test_a_pair_that_nobody_knows_is_ended_first(tmp_path: Path) -> None:
    """Without a registry, what serves a user's directory is ended as a whole before a start."""
    with manager_of(replica_url=tmp_path / "replicas") as manager:
        manager.start()
        first = manager.api.run("ann")
        pid = child(first)
        manager.kill()
        for path in manager.layout.control.glob("registry.db*"):
            path.unlink()
        manager.start()
        again = manager.api.run("ann")

        assert again["pid"] != first["pid"]
        await_end(first["pid"])
        await_end(pid)
        manager.stop()


def test_what_pocketbase_restores_itself_begins_a_generation(
    house: Manager, tmp_path: Path
) -> None:
    """A superuser's own restore changes the file under Litestream: that is seen, and put right."""
    instance = house.api.run("cem")
    Tenant(instance).make_collection("notes")
    write(house, "cem", ["before"])
    headers = {"Authorization": mint(house, "cem")["token"]}
    backups = f"{instance['url']}/api/backups"
    made = requests.post(backups, json={"name": "own.zip"}, headers=headers, timeout=PATIENCE)
    assert made.status_code == 204, made.text
    write(house, "cem", ["lost"])
    with house.listen("cem") as listener:
        begun = requests.post(f"{backups}/own.zip/restore", headers=headers, timeout=PATIENCE)
        assert begun.status_code == 204, begun.text
        listener.until_status(Status.STOPPED)
        listener.until_status(Status.RUNNING)
    write(house, "cem", ["after"])
    house.api.stop("cem")

    assert len(generations(house, "cem")) == 2
    assert restored(house, "cem", tmp_path / "restored.db") == ["before", "after"]


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """Return a bucket."""
    with bucket(tmp_path_factory.mktemp("s3")) as made:
        yield made


def test_a_bucket_takes_it_too_and_the_tenant_never_sees_its_keys(users: Bucket) -> None:
    """Objects arrive; no environment and no command line has the keys, the file is private."""
    isolation = "uid" if os.geteuid() == 0 else "none"
    with running_manager(isolation=isolation, **users.settings()) as manager:
        manager.root.chmod(0o711)
        instance = manager.api.run("ann")
        eventually(lambda: any(users.folder.rglob("*.ltx")), "a first copy is in the bucket")
        state, place = (
            Replicas(manager.settings, manager.layout).state("ann"),
            Place(manager.settings),
        )
        generation = state.current()
        assert generation is not None
        user, last = manager.layout.data("ann").name, state.last_change() or ""
        arrived = functools.partial(place.has_change, user, generation.name, last)
        eventually(arrived, "it is known where the last change is")
        for pid in proc.family(instance["pid"]):
            for said in ("environ", "cmdline"):
                text = Path(f"/proc/{pid}/{said}").read_bytes().decode()
                assert SECRET not in text
                assert KEY_ID not in text
        config = Replicas(manager.settings, manager.layout).state("ann").config
        assert config.stat().st_mode & 0o077 == config.parent.stat().st_mode & 0o077 == 0
        if isolation == "uid":
            owner = os.stat(f"/proc/{child(instance)}").st_uid
            assert owner != os.stat(f"/proc/{instance['pid']}").st_uid == 0
            for path in Path(instance["db_path"]).rglob("*"):
                assert path.stat().st_uid == owner
