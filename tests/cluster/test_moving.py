"""A user is handed over from host to host, while it writes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TypeVar

import pytest

from actors.layout import directory_name
from bus.answers import Answer, DrillAnswer, MovesAnswer, PlaceAnswer
from bus.client import BusClient
from bus.errors import BackupError, NotFound
from bus.requests import DrainHost, MoveInstance, Request, VerifyReplica
from tests.cluster.client import Client
from tests.cluster.fleet import Fleet, fleet_of
from tests.cluster.rows import Rows, copied, numbers_at
from tests.etcd import Etcd as Engine
from tests.house.manager import Manager
from tests.house.surroundings import PATIENCE, eventually

A = TypeVar("A", bound=Answer)


@pytest.fixture(scope="module")
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Return two hosts."""
    with fleet_of(engine, 2, cluster_ttl=20, cluster_margin=4) as made:
        made.start()
        yield made
        for manager in made.hosts.values():
            manager.stop()


def ask(manager: Manager, request: Request, answer: type[A]) -> A:
    """Ask a host over its command socket."""
    with BusClient(manager.settings.command_endpoint) as bus:
        return bus.ask(request, answer, timeout=2 * PATIENCE)


def test_nothing_that_was_acknowledged_is_lost_by_a_move(fleet: Fleet) -> None:
    """There and back, under writes: one owner at a time, and every acknowledged row is there."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    alice = fleet.named("h1", "alice")
    rows = Rows(h1.api.run(alice))
    client = Client(fleet.known, alice, rows.token)
    client.start()
    eventually(lambda: len(client.acks) > 20, "it writes")
    there = ask(h1, MoveInstance(user_id=alice, host="h2"), PlaceAnswer)
    assert (there.host, there.epoch, there.state) == ("h2", 2, "running")
    eventually(lambda: client.acks[-1].epoch == 2, "it writes there")
    back = ask(h2, MoveInstance(user_id=alice, host="h1"), PlaceAnswer)
    assert (back.host, back.epoch) == ("h1", 3)
    eventually(lambda: client.acks[-1].epoch == 3, "it writes here again")
    client.close()
    assert client.overlaps() == []
    found = set(numbers_at(fleet.place(alice)))
    assert {ack.number for ack in client.acks} <= found


@pytest.mark.parametrize("asked", ["h1", "h2"])
@pytest.mark.parametrize("target", ["h1", "h2"])
def test_who_is_nobody_is_not_moved(fleet: Fleet, asked: str, target: str) -> None:
    """Wherever it is asked for: nobody says that it is there already, or on its way."""
    with pytest.raises(NotFound, match="No PocketBase instance for user ghost"):
        ask(fleet.hosts[asked], MoveInstance(user_id="ghost", host=target), PlaceAnswer)


def test_what_was_decided_about_a_user_moves_too(fleet: Fleet) -> None:
    """Metadata and both policies are there when it is, whichever host is asked, and back again."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    path = f"/api/users/{(erin := fleet.named('h1', 'erin'))}"
    h1.api.run(erin)
    puts = {
        "metadata": {"plan": "gold"},
        "sleep": {"pinned": True},
        "backup_policy": {"keep_last": 9},
    }
    for what, value in puts.items():
        answer = h2.api.call("PUT", f"{path}/{what}", json=value)
        assert answer.status_code == 200, answer.text
    for source, target in ((h1, h2), (h2, h1)):
        name = target.settings.cluster_host
        ask(source, MoveInstance(user_id=erin, host=name), PlaceAnswer)
        for asked in (h1, h2):
            assert asked.api.call("GET", f"{path}/metadata").json()["metadata"] == {"plan": "gold"}
            assert asked.api.call("GET", f"{path}/sleep").json()["policy"]["pinned"]
            backups = asked.api.call("GET", f"{path}/backups").json()
            assert backups["policy"]["keep_last"] == 9
        assert target.api.call("PUT", f"{path}/metadata", json={}).status_code == 200
        assert target.api.call("PUT", f"{path}/metadata", json={"plan": "gold"}).status_code == 200


def test_what_was_decided_about_a_user_has_its_new_name(fleet: Fleet) -> None:
    """A rename takes it along in etcd, too; nothing is left for whoever has the old name next."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    old, new = fleet.named("h1", "fred"), fleet.named("h1", "gina")
    h1.api.run(old)
    assert h1.api.call("PUT", f"/api/users/{old}/metadata", json={"plan": "tin"}).ok
    assert h1.api.call("POST", f"/api/users/{old}/rename", json={"to": new}).ok
    eventually(lambda: fleet.agreed.kept(new) is not None, "it lies beside the new place")
    eventually(lambda: fleet.agreed.kept(old) is None, "it does not beside the old one")
    fleet.await_run(new, "h1")
    ask(h1, MoveInstance(user_id=new, host="h2"), PlaceAnswer)
    assert h2.api.call("GET", f"/api/users/{new}/metadata").json()["metadata"] == {"plan": "tin"}


def test_a_drained_host_has_nobody(fleet: Fleet) -> None:
    """Those who run go on elsewhere, those who stand still go too; then it takes some again."""
    h1 = fleet.hosts["h1"]
    bob, carol = fleet.named("h1", "bob"), fleet.named("h1", "carol")
    h1.api.run(bob)
    h1.api.run(carol)
    h1.api.stop(carol)
    going = ask(h1, DrainHost(host="h1"), MovesAnswer)
    assert set(going.users) >= {bob, carol}
    for user in going.users:
        eventually(functools.partial(fleet.is_on, user, "h2"), f"{user} has gone")
    fleet.await_run(bob, "h2")
    assert not fleet.place(carol).wanted
    eventually(lambda: fleet.kept("h1") == 0, "it has let go of all")
    assert ask(h1, DrainHost(host="h1", off=True), MovesAnswer).users == []


def test_who_stands_still_is_moved_on_and_on(fleet: Fleet) -> None:
    """Though nothing has been copied where it came to, as it has not run there."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    hugo = fleet.named("h1", "hugo")
    rows = Rows(h1.api.run(hugo))
    rows.write(5)
    h1.api.stop(hugo)
    for source, target in ((h1, h2), (h2, h1), (h1, h2)):
        name = target.settings.cluster_host
        assert ask(source, MoveInstance(user_id=hugo, host=name), PlaceAnswer).state == "stopped"
        eventually(functools.partial(_has, target, hugo), f"{name} has it")
    h2.api.run(hugo)
    assert numbers_at(fleet.place(hugo)) == [1, 2, 3, 4, 5]


def test_who_sleeps_is_moved_asleep(fleet: Fleet) -> None:
    """Nobody starts it there before somebody calls."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    ida = fleet.named("h1", "ida")
    Rows(h1.api.run(ida)).write(5)
    assert h1.api.call("POST", f"/api/users/{ida}/sleep").ok
    there = ask(h1, MoveInstance(user_id=ida, host="h2"), PlaceAnswer)
    assert (there.host, there.state) == ("h2", "stopped")
    eventually(functools.partial(_has, h2, ida), "h2 has it")
    assert h2.api.instance(ida)["status"] == "Hibernated"
    assert h1.api.call("POST", f"/api/users/{ida}/wake").ok
    assert numbers_at(fleet.await_run(ida, "h2")) == [1, 2, 3, 4, 5]


def test_who_has_never_run_is_moved(fleet: Fleet) -> None:
    """A clone, which nobody has copied yet: it is, for the move."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    kate, lena = fleet.named("h1", "kate"), fleet.named("h1", "lena")
    Rows(h1.api.run(kate)).write(5)
    cloned = h1.api.call("POST", f"/api/users/{kate}/clone", json={"to": lena})
    assert cloned.status_code == 200, cloned.text
    eventually(lambda: fleet.place(lena).expected is None, "it is told")
    assert fleet.place(lena).durable == 0
    there = ask(h1, MoveInstance(user_id=lena, host="h2"), PlaceAnswer)
    assert (there.host, there.state) == ("h2", "stopped")
    assert fleet.place(lena).durable == fleet.place(lena).epoch - 1
    eventually(functools.partial(_has, h2, lena), "h2 has it")
    h2.api.run(lena)
    assert numbers_at(fleet.place(lena)) == [1, 2, 3, 4, 5]


def _has(manager: Manager, user_id: str) -> bool:
    answer = manager.api.call("GET", f"/api/users/{user_id}/pb_status").json()
    return (answer.get("instance") or {}).get("host") == manager.settings.cluster_host


def test_a_replica_is_tried(fleet: Fleet) -> None:
    """What a restore would bring is counted; a damaged one is told."""
    h2 = fleet.hosts["h2"]
    dora = fleet.named("h2", "dora")
    rows = Rows(h2.api.run(dora))
    rows.write(5)
    eventually(lambda: copied(fleet.replica, dora) == 5, "the rows are in the replica")
    drill = ask(h2, VerifyReplica(user_id=dora), DrillAnswer)
    assert drill.rows > 5
    h2.api.stop(dora)  # while it runs, Litestream writes its first snapshot anew, and that is good
    for file in (fleet.replica / directory_name(dora)).rglob("*.ltx"):
        file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(BackupError, match="cannot be restored"):
        ask(h2, VerifyReplica(user_id=dora), DrillAnswer)
