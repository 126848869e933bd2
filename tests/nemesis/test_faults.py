"""Each fault by itself, on three hosts in network namespaces, under writes.

The tests share one cluster, and each leaves all of it well. The last one asks for all of them what
the nemesis asks: one owner at a time, rising epochs, no loss outside the bound, sound databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from actors.clock import boottime
from actors.cluster.membership import grace
from tests.cluster.client import Client
from tests.house.surroundings import eventually
from tests.nemesis.faults import fault
from tests.nemesis.run import Run
from tests.nemesis.station import Station
from tests.nemesis.verdict import groups
from tests.nemesis.world import missing, world

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]
TTL, MARGIN, USERS = 6, 2.0, 6
ELSEWHERE = TTL + grace(TTL) + 10
"""Seconds in which the users of a lost host run elsewhere: the lease, the grace, a look of the
others, and the restore on a busy machine. Where the leader of etcd is lost, too, its successor
begins the leases anew after :data:`ELECTION`."""
ELECTION = 3.0
NEVER = 2.0
"""Seconds that a user may wait where nothing happens to anybody, on a busy machine."""
PATIENCE = 60.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("nemesis")
    with world(folder, print, hosts=3, ttl=TTL, margin=MARGIN) as made:
        made.begin(USERS)
        yield made


def stricken(run: Run) -> tuple[Station, list[Client]]:
    """Return the host that has most users, and who they are."""
    owned: dict[str, list[Client]] = {}
    for client in run.clients:
        owned.setdefault(run.owner(client.user).name, []).append(client)
    name = max(owned, key=lambda each: len(owned[each]))
    return next(each for each in run.stations if each.name == name), owned[name]


def epochs(run: Run) -> dict[str, int]:
    return {user: place.epoch for user, place in run.atlas.places().items()}


def wait(condition: Callable[[], bool], what: str) -> None:
    eventually(condition, what, PATIENCE)


def wait_for(seconds: float) -> None:
    """Return so many seconds later: what is looked for is that nothing happens."""
    until = boottime() + seconds
    wait(lambda: boottime() > until, "the time is over")


def caught_up(run: Run, client: Client, since: float) -> bool:
    epoch = run.atlas.places()[client.user].epoch
    return run.replica.caught_up(client.user, epoch, since, boottime()) is not None


def has_moved(run: Run, station: Station, clients: list[Client]) -> bool:
    places = run.atlas.places()
    return all(places[each.user].host != station.name for each in clients) and all(
        run.runs(each.user) for each in clients
    )


@pytest.mark.parametrize("leads", [False, True])
def test_a_lost_hosts_users_run_elsewhere(run: Run, leads: bool) -> None:
    """Everything on it is killed, its member of etcd too, which leads or does not."""
    station, clients = stricken(run)
    others = [each for each in run.stations if each is not station]
    (station if leads else others[0]).lead(run.stations)
    with run.during(fault("host lost"), station) as happened:
        wait(lambda: has_moved(run, station, clients), "its users run elsewhere")
    assert max(happened.outages) < ELSEWHERE + ELECTION * leads


def test_a_host_that_is_cut_off_ends_before_others_begin(run: Run) -> None:
    """From everybody; when it is back, nobody is moved again."""
    station, clients = stricken(run)
    with run.during(fault("host cut off"), station):
        wait(lambda: has_moved(run, station, clients), "its users run elsewhere")
        before = epochs(run)
    assert epochs(run) == before
    assert all(client.overlaps() == [] for client in run.clients)


def test_a_host_that_is_cut_off_from_etcd_only_fences_itself(run: Run) -> None:
    """Although clients and bucket reach it."""
    station, clients = stricken(run)
    with run.during(fault("etcd cut off, clients and bucket not"), station):
        wait(lambda: has_moved(run, station, clients), "its users run elsewhere")
        assert station.tenants() == []
    assert all(client.overlaps() == [] for client in run.clients)


def test_a_host_that_is_cut_off_from_the_bucket_tells_how_far_it_is_behind(run: Run) -> None:
    """It goes on, and keeps its users; the replicas catch up afterwards."""
    (station, clients), before = stricken(run), epochs(run)
    with run.during(fault("bucket cut off"), station) as happened:
        wait(lambda: station.metric("pblm_replica_lag_seconds") > TTL, "it tells of the lag")
    assert max(happened.outages) < NEVER
    assert epochs(run) == before
    wait(
        lambda: all(caught_up(run, client, happened.ended) for client in clients),
        "the replicas have caught up",
    )


def test_a_host_that_is_cut_off_from_the_bus_keeps_its_users(run: Run) -> None:
    """What is asked of it elsewhere is answered with 503, and nobody takes anybody."""
    (station, clients), before = stricken(run), epochs(run)
    other = next(each for each in run.stations if each is not station)
    path = f"/api/users/{clients[0].user}/pb_status"
    assert other.call("GET", path).status_code == 200
    with run.during(fault("bus cut off"), station) as happened:
        wait(lambda: other.call("GET", path).status_code == 503, "it is not answered for")
        wait_for(TTL + grace(TTL))
    wait(lambda: other.call("GET", path).status_code == 200, "it is answered for again")
    assert max(happened.outages) < NEVER
    assert epochs(run) == before


def test_the_guard_acts_for_a_manager_that_stands_still(run: Run) -> None:
    """It is dead before others begin, and the manager finds itself outlived."""
    station, clients = stricken(run)
    with run.during(fault("manager stopped"), station):
        wait(lambda: station.tenants() == [], "the guard has killed all")
        assert not any(has_moved(run, station, [client]) for client in clients)
        wait(lambda: has_moved(run, station, clients), "its users run elsewhere")
        before = epochs(run)
    assert epochs(run) == before


def test_a_frozen_disk_of_etcds_leader_makes_no_two_owners(run: Run) -> None:
    """It goes on answering that leases are prolonged (etcd issue 15247)."""
    station = next(each for each in run.stations if each.leads())
    with run.during(fault("disk of etcd's leader frozen"), station):
        wait_for(2 * TTL)
    assert all(client.overlaps() == [] for client in run.clients)


def test_a_member_of_etcd_less_is_nothing(run: Run) -> None:
    """Whoever asked it asks another one."""
    (station, _), before = stricken(run), epochs(run)
    with run.during(fault("member of etcd killed"), station) as happened:
        wait_for(TTL + grace(TTL))
    assert epochs(run) == before
    assert max(happened.outages) < NEVER


def test_without_most_of_etcd_all_are_fenced_and_go_on_with_their_own_data(run: Run) -> None:
    """Nothing that was acknowledged is lost: nobody else has run them."""
    station, _ = stricken(run)
    before = run.atlas.places()
    with run.during(fault("most of etcd stopped"), station):
        wait(lambda: all(each.tenants() == [] for each in run.stations), "nothing runs anywhere")
    wait(
        lambda: all(epochs(run)[user] > place.epoch for user, place in before.items()),
        "it is heard that all were claimed anew",
    )
    hosts = {user: place.host for user, place in run.atlas.places().items()}
    assert hosts == {user: place.host for user, place in before.items()}


def test_a_replica_has_no_hole_after_instances_were_killed(run: Run) -> None:
    """PocketBase or Litestream, again and again; each time neither writes without the other."""
    station, clients = stricken(run)
    for _ in range(4):
        with run.during(fault("instance killed"), station):
            wait_for(0.3)
    for client in clients:
        path = f"/api/users/{client.user}/verify"
        told = station.call("POST", path, timeout=PATIENCE)
        assert told.status_code == 200, told.text


def test_no_promise_was_broken(run: Run) -> None:
    """By any of these."""
    assert groups(run.end()) == []
    assert run.happened
