"""Three hosts on one machine: real managers, etcd, Litestream and PocketBase."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from actors.cluster.directory import State
from tests.cluster.fleet import TTL, Fleet, fleet_of
from tests.cluster.rows import Rows, copied, numbers_at
from tests.etcd import Etcd as Engine
from tests.house.surroundings import PATIENCE, await_end, eventually


@pytest.fixture(scope="module")
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Return three hosts, shared by the tests of this module; each leaves all of them well."""
    with fleet_of(engine) as made:
        made.start()
        yield made
        for manager in made.hosts.values():
            manager.stop()


def test_a_lost_hosts_users_run_elsewhere_and_idle_ones_on_request(fleet: Fleet) -> None:
    """What was acknowledged and copied is there; whoever comes back owns nothing of it."""
    h1, h2 = fleet.hosts["h1"], fleet.hosts["h2"]
    name, idle = fleet.named("h1", "alice"), fleet.named("h1", "idle")
    alice = Rows(h1.api.run(name))
    h1.api.run(idle)
    h1.api.stop(idle)
    for user in (name, idle):
        told = h2.api.call("PUT", f"/api/users/{user}/metadata", json={"plan": user})
        assert told.status_code == 200, told.text
    alice.write(20)
    eventually(lambda: copied(fleet.replica, name) == 20, "the rows are in the replica")
    h1.kill()
    place = fleet.await_run(name, "h2", "h3")
    assert (place.epoch, place.durable, place.born) == (2, 2, 1)
    assert numbers_at(place) == list(range(1, 21))
    assert fleet.place(idle).state is State.STOPPED
    assert fleet.place(idle).host == "h1"
    for user in (idle, name):
        told = h2.api.call("GET", f"/api/users/{user}/metadata").json()
        assert told["metadata"] == {"plan": user}
    h2.api.run(idle)
    assert fleet.place(idle).host in ("h2", "h3")
    h1.start()
    fleet.await_hosts("h1", "h2", "h3")
    eventually(lambda: fleet.kept("h1") == 0, "it has let go of what it had")
    kept = sorted(name.partition("-e")[0] for name in os.listdir(h1.layout.lost_and_found))
    assert kept == sorted(f"pb_user_{user}.db" for user in (name, idle))
    assert fleet.place(name) == place


def test_a_stopped_agents_tenants_are_killed_before_others_start(fleet: Fleet) -> None:
    """The guard acts for a manager that stands still; that one finds itself outlived."""
    h3 = fleet.hosts["h3"]
    carol = fleet.named("h3", "carol")
    served = h3.api.run(carol)
    h3.send(signal.SIGSTOP)
    try:
        await_end(served["pid"])
        assert fleet.place(carol).host == "h3"
        place = fleet.await_run(carol, "h1", "h2")
    finally:
        h3.send(signal.SIGCONT)
    fleet.await_hosts("h1", "h2", "h3")
    eventually(lambda: fleet.kept("h3") == 0, "it has let go of carol")
    assert fleet.place(carol) == place


def test_when_etcd_is_back_all_go_on_with_their_own_data(fleet: Fleet, engine: Engine) -> None:
    """Without it nobody can prove to be there: every host kills what it runs; none is robbed."""
    users = {host: fleet.named(host, "erin") for host in fleet.hosts}
    served = {host: fleet.hosts[host].api.run(user) for host, user in users.items()}
    for each in served.values():
        Rows(each).write(5)
    (member,) = engine.members
    member.send(signal.SIGSTOP)
    try:
        for each in served.values():
            await_end(each["pid"], TTL + PATIENCE)
    finally:
        member.send(signal.SIGCONT)
    eventually(lambda: {fleet.place(user).epoch for user in users.values()} == {2}, "all claimed")
    for host, user in users.items():
        place = fleet.await_run(user, host)
        assert numbers_at(place) == [1, 2, 3, 4, 5]


def test_whose_name_has_ended_does_not_come_back(fleet: Fleet) -> None:
    """Purged or renamed on a host that is killed at once: neither it nor another has them again."""
    h2 = fleet.hosts["h2"]
    gone, old, new = (fleet.named("h2", word) for word in ("gone", "old", "new"))
    for user in (gone, old):
        Rows(h2.api.run(user)).write(5)
        eventually(lambda user=user: copied(fleet.replica, user) == 5, "it is in the replica")  # type: ignore[misc]
    assert h2.api.call("DELETE", f"/api/users/{gone}/pb?purge=true").status_code == 200
    renamed = h2.api.call("POST", f"/api/users/{old}/rename", json={"to": new})
    assert renamed.status_code == 200, renamed.text
    h2.kill()
    h2.start()
    fleet.await_hosts("h1", "h2", "h3")
    assert numbers_at(fleet.await_run(new, "h2")) == [1, 2, 3, 4, 5]
    for user in (gone, old):
        assert fleet.place(user).state is State.PURGED
        fleet.hosts["h1"].api.run(user)
        assert fleet.place(user).born == fleet.place(user).epoch == 2
