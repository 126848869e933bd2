"""Two hosts on one machine: what is asked of one is answered by both. Everything is real."""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from actors.probe import listens
from bus.answers import InstanceAnswer
from bus.client import BusClient
from bus.events import StatusChanged
from bus.requests import PIECE, GetInstance
from bus.states import Status
from bus.subscriber import Snapshot, Subscriber
from tests.cluster.fleet import Fleet, fleet_of
from tests.etcd import Etcd as Engine
from tests.house.shell import Shell
from tests.house.surroundings import PATIENCE, eventually


@pytest.fixture(scope="module")
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Return two hosts that hear each other, with an address and a door of its own each."""
    own: dict[str, dict[str, object]] = {
        "h1": {"door": "haproxy", "cluster_address": "127.0.1.1"},
        "h2": {"door": "builtin", "cluster_address": "127.0.1.2"},
    }
    with fleet_of(engine, 2, own=own) as made:
        made.start()
        for manager in made.hosts.values():
            eventually(lambda: _heard(manager.api.call("GET", "/api/cluster").json()), "all hear")  # noqa: B023
        yield made
        for manager in made.hosts.values():
            manager.stop()


def _heard(cluster: dict[str, dict[str, dict[str, object]]]) -> bool:
    return len(cluster["hosts"]) == 2 and all(host["heard"] for host in cluster["hosts"].values())


@pytest.mark.parametrize("asked", ["h1", "h2"])
def test_any_host_serves_any_user(fleet: Fleet, asked: str) -> None:
    """Started on the host that the user goes to, told of and stopped, over HTTP and the bus."""
    host = fleet.hosts[asked]
    for home in fleet.hosts:
        user_id = fleet.named(home, f"any-{asked}-")
        started = host.api.run(user_id)
        assert (started["host"], started["status"]) == (home, "Running")
        assert fleet.place(user_id).host == home
        with BusClient(host.settings.command_endpoint) as bus:
            instance = bus.ask(GetInstance(user_id=user_id), InstanceAnswer).instance
        assert instance is not None
        assert instance.host == home
        assert instance.port == started["port"]
        history = host.api.call("GET", f"/api/users/{user_id}/history").json()
        assert history["transitions"][-1]["status"] == "Running"
        assert host.api.stop(user_id)["status"] == "Stopped"


def test_any_host_tells_of_all(fleet: Fleet) -> None:
    """Lists, health and numbers are of both hosts, whichever is asked."""
    users = [fleet.named(home, "all") for home in fleet.hosts]
    for user_id in users:
        fleet.hosts["h1"].api.run(user_id)
    for manager in fleet.hosts.values():
        listed = manager.api.call("GET", "/api/pb_instances").json()
        assert [listed["instances"][user]["host"] for user in users] == [*fleet.hosts]
        assert listed["unreachable_hosts"] == []
        health = manager.api.call("GET", "/health/pb").json()
        assert health["total_instances"] == listed["total"]
        assert [*health["hosts"]] == ["h1", "h2"]
        numbers = manager.api.call("GET", "/api/fleet").json()
        assert numbers["statuses"]["Running"] >= 2
        assert [*numbers["hosts"]] == ["h1", "h2"]


def test_one_subscriber_hears_both(fleet: Fleet) -> None:
    """A change on the other host is heard on this one, with the whole instance."""
    user_id = fleet.named("h2", "heard")
    at = fleet.hosts["h1"].settings
    with closing(
        Subscriber(event_endpoint=at.event_endpoint, command_endpoint=at.command_endpoint)
    ) as updates:
        assert isinstance(updates.receive(PATIENCE), Snapshot)
        fleet.hosts["h2"].api.run(user_id)
        told: list[StatusChanged] = []
        while not told or told[-1].status is not Status.RUNNING:
            update = updates.receive(PATIENCE)
            assert update is not None
            if isinstance(update, StatusChanged) and update.user_id == user_id:
                told.append(update)
    assert [each.status for each in told][-2:] == [Status.STARTING, Status.RUNNING]
    assert {each.host for each in told} == {"h2"}
    assert told[-1].instance.host == "h2"


def test_the_command_line_tells_of_both(fleet: Fleet) -> None:
    """Which hosts there are, and the host of each instance."""
    user_id = fleet.named("h2", "told")
    fleet.hosts["h1"].api.run(user_id)
    shell = Shell(fleet.hosts["h1"])
    status = shell("cluster", "status")
    assert "h1 *" in status.out
    assert status.out.count("well") == 2
    (row,) = [line.split() for line in shell("ls").out.splitlines() if user_id in line]
    assert row[:3] == [user_id, "h2", "Running"]


@pytest.mark.parametrize(("at", "home"), [("h1", "h2"), ("h2", "h1"), ("h2", "h2"), ("h1", "h1")])
def test_any_door_leads_to_any_host(fleet: Fleet, at: str, home: str) -> None:
    """Whoever comes in at one host reaches who runs on the other, and wakes who sleeps there."""
    user_id = fleet.named(home, f"door-{at}-")
    door, owner = fleet.hosts[at], fleet.hosts[home]

    def status() -> int:
        url = f"http://127.0.0.1:{door.settings.door_port}/api/health"
        headers = {"Host": f"{user_id}.localhost"}
        return requests.get(url, headers=headers, timeout=PATIENCE).status_code

    owner.api.run(user_id)
    assert status() == 200
    sleep = f"/api/users/{user_id}/sleep"
    eventually(lambda: owner.api.call("POST", sleep).status_code == 200, "the door lets go")
    eventually(lambda: status() == 200, "it is woken")
    assert door.api.instance(user_id)["status"] == "Running"


def test_an_instance_listens_where_its_host_is_reached(fleet: Fleet) -> None:
    """There alone, where it is probed, found by a superuser's token, and told to be."""
    user_id = fleet.named("h2", "there")
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    instance = h1.api.run(user_id)
    port = instance["port"]
    assert instance["url"] == f"http://127.0.1.2:{port}"
    for address, expected in (("127.0.1.2", True), ("127.0.0.1", False), ("127.0.1.1", False)):
        assert listens(port, address) is expected, address
    token = h1.api.call("POST", f"/api/users/{user_id}/pb_token").json()["token"]
    path = f"http://127.0.1.2:{port}/api/collections"
    answers = [
        requests.get(path, headers={"Authorization": token, **more}, timeout=PATIENCE).status_code
        for more in ({"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "192.0.2.7"})
    ]
    assert answers == [200, 403], "whoever reaches the port may say where it comes from"
    h2.api.call("POST", f"/api/users/{user_id}/sleep")
    eventually(lambda: not listens(port, "127.0.1.2"), "it sleeps")


def test_files_go_in_and_out_at_any_host(fleet: Fleet, tmp_path: Path) -> None:
    """An archive of many pieces is imported, backed up and had again, where the user is not."""
    user_id, target = fleet.named("h2", "whole"), fleet.named("h2", "brought")
    h1, shell = fleet.hosts["h1"], Shell(fleet.hosts["h1"])
    h1.api.run(user_id)
    backups = f"/api/users/{user_id}/backups"
    made = h1.api.call("POST", backups, json={}).json()["backup"]
    archive = tmp_path / "archive.zip"
    assert shell("export", user_id, made["id"], str(archive)).status == 0
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == made["sha256"]
    uploads = random.Random(7).randbytes(5 * PIECE // 2)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("storage/notes/first/picture.bin", uploads)
    path = f"/api/users/{target}"
    brought = h1.api.call("POST", f"{path}/import", data=archive.read_bytes())
    assert brought.status_code == 200, brought.text
    assert brought.json()["instance"]["host"] == "h2"
    made = h1.api.call("POST", f"{path}/backups", json={}).json()["backup"]
    content = h1.api.call("GET", f"{path}/backups/{made['id']}").content
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.read("storage/notes/first/picture.bin") == uploads
    assert h1.api.call("POST", f"{path}2/import", data=b"").json()["code"] == "invalid_backup"
    assert os.listdir(fleet.hosts["h2"].settings.uploads_path) == []


def test_users_are_moved_from_any_host(fleet: Fleet) -> None:
    """To the host that is named, whoever is asked; its replica is tried; then it goes back."""
    user_id = fleet.named("h2", "moved")
    h1, shell = fleet.hosts["h1"], Shell(fleet.hosts["h1"])
    h1.api.run(user_id)
    moved = shell("cluster", "move", user_id, "h1")
    assert moved.out == f"{user_id} is on h1 now: running\n", moved
    assert h1.api.instance(user_id)["host"] == "h1"
    verified = Shell(fleet.hosts["h2"])("cluster", "verify", user_id)
    assert verified.status == 0
    assert re.match(rf"{user_id}: well, \d+ rows, ", verified.out)
    back = fleet.hosts["h2"].api.call("POST", "/api/cluster/rebalance", json={"host": "h1"})
    assert user_id in back.json()["users"]
    eventually(lambda: fleet.runs_on(user_id, "h2"), "it is back")


def test_a_host_that_is_not_there_cannot_be_drained(fleet: Fleet) -> None:
    """The command line says so, with the exit status of what is not there."""
    ended = Shell(fleet.hosts["h1"])("cluster", "drain", "h9")
    assert (ended.status, ended.err) == (4, "pblm: There is no host h9\n")
    drained = Shell(fleet.hosts["h1"])("cluster", "drain", "h2", "--off", "--json")
    assert drained.json == {"host": "h2", "users": []}


def test_the_key_of_a_host_is_its_own(fleet: Fleet) -> None:
    """Nobody else may read it, and each host has another one."""
    files = [manager.layout.control / "peer.key" for manager in fleet.hosts.values()]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert len({file.read_text() for file in files}) == 2


def test_a_host_that_is_stopped_does_not_hold_up_the_others(fleet: Fleet) -> None:
    """What is asked about its users meanwhile is told to be asked again, and its list is named."""
    user_id = fleet.named("h2", "held")
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    h1.api.run(user_id)
    h2.kill()
    listed = h1.api.call("GET", "/api/pb_instances").json()
    assert listed["unreachable_hosts"] == ["h2"]
    fleet.await_run(user_id, "h1")
    assert h1.api.instance(user_id)["host"] == "h1"
    h2.start()
    fleet.await_hosts("h1", "h2")
    eventually(
        lambda: (
            (
                h2.api.call("GET", f"/api/users/{user_id}/pb_status").json().get("instance") or {}
            ).get("host")
            == "h1"
        ),
        "it knows that the user has another host",
    )
