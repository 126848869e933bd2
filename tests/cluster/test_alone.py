"""One host on its way into a cluster, and back after kill -9."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bus.answers import ClusterAnswer
from bus.client import BusClient
from bus.requests import GetCluster
from tests.cluster.fleet import Fleet, fleet_of
from tests.cluster.rows import Rows, numbers_at
from tests.etcd import Etcd as Engine
from tests.house.manager import Manager
from tests.house.surroundings import eventually
from tests.ports import free_ports


@pytest.fixture
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Return a cluster of one host, that is not started yet."""
    with fleet_of(engine, 1) as made:
        yield made


def warnings(host: Manager) -> list[str]:
    """Return what it warns of who asks for the cluster."""
    with BusClient(host.settings.command_endpoint) as bus:
        return bus.ask(GetCluster(), ClusterAnswer).warnings


def test_a_host_joins_with_its_users_and_finds_them_again(fleet: Fleet) -> None:
    """Who was there before is taken into the cluster; after kill -9 the data here are the newest.

    The place proves that nobody else has run them, so what was not copied yet is not lost either.
    """
    (host,) = fleet.hosts.values()
    etcd = host.environ.pop("PB_CLUSTER_ETCD")
    host.start()
    fleet.await_seeds("h1")
    alice = Rows(host.api.run("alice"))
    alice.write(3)
    host.api.run("idle")
    host.api.stop("idle")
    host.stop()

    host.environ["PB_CLUSTER_ETCD"] = etcd
    host.start()
    place = fleet.await_run("alice", "h1")
    assert (place.born, place.durable) == (1, place.epoch)
    assert not any("not in its cluster" in each for each in warnings(host))
    assert not fleet.place("idle").wanted
    Rows.again(host.api.instance("alice"), alice).write(4)

    host.kill()
    former = fleet.place("alice").epoch
    host.start()
    eventually(lambda: fleet.place("alice").epoch > former, "it is claimed anew")
    place = fleet.await_run("alice", "h1")
    assert numbers_at(place) == list(range(1, 8))
    host.stop()


def test_a_host_that_cannot_join_says_so_of_the_cluster(fleet: Fleet) -> None:
    """First of all warnings: what it tells of the other hosts is old."""
    (host,) = fleet.hosts.values()
    host.environ["PB_CLUSTER_ETCD"] = f"http://127.0.0.1:{free_ports(1)}"
    host.start()
    absence = warnings(host)[0]
    assert absence.startswith("This host is not in its cluster: ")
    health = host.api.call("GET", "/health/pb").json()
    assert health["fenced"].startswith("This host is not in its cluster: ")
    assert health["hosts"]["h1"]["fenced"] == health["fenced"]
    host.stop()
