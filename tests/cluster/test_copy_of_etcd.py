"""Etcd is lost, and put back to a copy, while three real hosts and their users go on."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.cluster.atlas import Atlas
from actors.replication.generation import epoch_of
from bus.answers import PlaceAnswer
from bus.client import BusClient
from bus.requests import MoveInstance
from tests.cluster.client import Client
from tests.cluster.fleet import Fleet, fleet_of
from tests.cluster.rows import Rows, numbers_at
from tests.etcd import Etcd as Engine
from tests.etcd import etcd
from tests.house.surroundings import PATIENCE, eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with etcd(3) as running:
        yield running


@pytest.fixture
def fleet(engine: Engine) -> Iterator[Fleet]:
    with fleet_of(engine, 3) as made:
        made.start()
        yield made
        for manager in made.hosts.values():
            manager.stop()


def writing(fleet: Fleet, atlas: Atlas, user: str, host: str) -> Client:
    """Have the user write."""
    client = Client(atlas.place, user, Rows(fleet.hosts[host].api.run(user)).token, pause=0.05)
    client.start()
    eventually(lambda: len(client.acks) > 3, f"{user} writes")
    return client


def writes_in(client: Client, epoch: int) -> bool:
    return client.acks[-1].epoch >= epoch


def move(fleet: Fleet, user: str, source: str, target: str) -> None:
    endpoint = fleet.hosts[source].settings.command_endpoint
    with BusClient(endpoint) as bus:
        bus.ask(MoveInstance(user_id=user, host=target), PlaceAnswer, timeout=2 * PATIENCE)


def epochs(fleet: Fleet, user: str) -> set[int]:
    """The epochs that were written."""
    (folder,) = fleet.replica.glob(f"*{user}*")
    return {epoch_of(path.name) for path in folder.glob("e0*")}


def put_back(fleet: Fleet, engine: Engine, copy: Path, *, lost: bool) -> None:
    """Have etcd be as the copy has it; before that all hosts are lost, and come again then."""
    hosts = fleet.hosts.values() if lost else ()
    for manager in hosts:
        manager.kill()
    engine.put_back(copy)
    for manager in hosts:
        manager.start()


def check(fleet: Fleet, client: Client, before: set[int]) -> None:
    """Nothing is lost, nobody was there twice, and the epoch is one that there never was."""
    place = fleet.place(client.user)
    assert client.overlaps() == []
    assert {ack.number for ack in client.acks} <= set(numbers_at(place)), client.user
    assert {ack.epoch for ack in client.acks} <= epochs(fleet, client.user)
    assert place.epoch > max(before)


@pytest.mark.parametrize("hosts", ["stay", "are fenced", "are lost"])
def test_nothing_is_lost_and_no_epoch_is_used_twice(
    fleet: Fleet, engine: Engine, atlas: Atlas, tmp_path: Path, hosts: str
) -> None:
    """Though the copy knows neither a move nor that a host was lost, nor a host that has rejoined.

    Whether or not the hosts have missed etcd: the copy knows memberships that they have. Or all is
    lost at once, and they know what is in their registries.
    """
    stays, moved, lost = (fleet.named("h1", name) for name in ("stays", "moved", "lost"))
    clients = [writing(fleet, atlas, user, "h1") for user in (stays, moved, lost)]
    engine.save(tmp_path / "copy")
    move(fleet, moved, "h1", "h2")
    move(fleet, lost, "h1", "h3")
    fleet.hosts["h2"].kill()
    fleet.hosts["h2"].start()
    for client, least in zip(clients, (1, 3, 2), strict=True):
        eventually(functools.partial(writes_in, client, least), f"{client.user} writes")
    before = {user: epochs(fleet, user) for user in (stays, moved, lost)}
    served = fleet.hosts["h1"].api.instance(stays)
    if hosts != "stay":
        for member in engine.members:
            member.kill()
        eventually(lambda: not Path(f"/proc/{served['pid']}").exists(), "all is fenced")
    put_back(fleet, engine, tmp_path / "copy", lost=hosts == "are lost")
    atlas.reload()
    for client in clients:
        last = max(before[client.user])
        eventually(functools.partial(writes_in, client, last + 1), f"{client.user} writes", 60.0)
    for client in clients:
        client.close()
        check(fleet, client, before[client.user])
    assert [fleet.place(user).host for user in (stays, moved, lost)] == ["h1", "h2", "h3"]
