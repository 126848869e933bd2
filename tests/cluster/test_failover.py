"""Three hosts on one machine: real managers, etcd, Litestream and PocketBase.

Their leases are short, and a busy machine may lose one at any moment: whoever was on that host is
claimed by it once more. So an epoch has risen, and by how much is nobody's promise.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from actors.cluster.directory import Place, State
from actors.layout import directory_name
from tests.cluster.fleet import FAILOVER, TTL, Fleet, fleet_of
from tests.cluster.rows import Rows, copied, numbers_at
from tests.etcd import Etcd as Engine
from tests.house.surroundings import (
    PATIENCE,
    await_end,
    command_line,
    eventually,
    servers_under,
)


@pytest.fixture(scope="module")
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Return three hosts, shared by the tests of this module; each leaves all of them well."""
    with fleet_of(engine) as made:
        made.start()
        yield made
        for manager in made.hosts.values():
            manager.stop()


def await_rows(fleet: Fleet, user_id: str, *hosts: str, count: int = 5, since: int = 0) -> Place:
    """Return the place of the user when one of the hosts runs it with these rows.

    By a claim that is later than that of the epoch ``since``.
    """
    found: list[Place] = []

    def is_there() -> bool:
        place = fleet.place(user_id)
        found[:] = [place]
        runs = place.host in hosts and place.state is State.RUNNING and place.epoch > since
        try:
            return runs and numbers_at(place) == list(range(1, count + 1))
        except ConnectionError:  # it was killed just then
            return False

    eventually(is_there, f"{user_id} runs on {hosts} with {count} rows", FAILOVER)
    return found[0]


def serving(fleet: Fleet, user_id: str) -> set[str]:
    """Return the hosts on which there is a PocketBase of the user."""
    name = directory_name(user_id)
    return {
        host
        for host, manager in fleet.hosts.items()
        for pid in servers_under(manager.root)
        if any(name in word for word in command_line(pid))
    }


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
    former = fleet.place(name)
    h1.kill()
    place = await_rows(fleet, name, "h2", "h3", count=20, since=former.epoch)
    assert (place.durable, place.born) == (place.epoch, former.born)
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
    assert fleet.place(name).host == place.host


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
    assert fleet.place(carol).host == place.host


def test_when_etcd_is_back_all_go_on_with_their_own_data(fleet: Fleet, engine: Engine) -> None:
    """Without it nobody can prove to be there: every host kills what it runs; none is robbed."""
    users = {host: fleet.named(host, "erin") for host in fleet.hosts}
    served = {host: fleet.hosts[host].api.run(user) for host, user in users.items()}
    for each in served.values():
        Rows(each).write(5)
    before = {user: fleet.place(user).epoch for user in users.values()}
    (member,) = engine.members
    member.send(signal.SIGSTOP)
    try:
        for host, user in users.items():
            await_end(served[host]["pid"], TTL + PATIENCE)
            eventually(lambda user=user: not serving(fleet, user), f"{user} is killed")  # type: ignore[misc]
    finally:
        member.send(signal.SIGCONT)
    for host, user in users.items():
        await_rows(fleet, user, host, since=before[user])
        assert serving(fleet, user) <= {host}


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
    await_rows(fleet, new, "h2")
    for user in (gone, old):
        ended = fleet.place(user)
        assert ended.state is State.PURGED
        fleet.hosts["h1"].api.run(user)
        assert fleet.place(user).born > ended.epoch
