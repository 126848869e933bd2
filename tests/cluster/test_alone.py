"""One host on its way into a cluster, and back after kill -9."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.fleet import Fleet, fleet_of
from tests.cluster.rows import Rows, numbers_at
from tests.etcd import Etcd as Engine
from tests.house.surroundings import eventually


@pytest.fixture
def fleet(engine: Engine) -> Iterator[Fleet]:
    """Return a cluster of one host, that is not started yet."""
    with fleet_of(engine, 1) as made:
        yield made


def test_a_host_joins_with_its_users_and_finds_them_again(fleet: Fleet) -> None:
    """Who was there before is taken into the cluster; after kill -9 the data here are the newest.

    The place proves that nobody else has run them, so what was not copied yet is not lost either.
    """
    (host,) = fleet.hosts.values()
    etcd = host.environ.pop("PB_CLUSTER_ETCD")
    host.start()
    alice = Rows(host.api.run("alice"))
    alice.write(3)
    host.api.run("idle")
    host.api.stop("idle")
    host.stop()

    host.environ["PB_CLUSTER_ETCD"] = etcd
    host.start()
    place = fleet.await_run("alice", "h1")
    assert (place.epoch, place.durable) == (1, 1)
    assert not fleet.place("idle").wanted
    Rows.again(host.api.instance("alice"), alice).write(4)

    host.kill()
    host.start()
    eventually(lambda: fleet.place("alice").epoch == 2, "it is claimed anew")
    place = fleet.await_run("alice", "h1")
    assert numbers_at(place) == list(range(1, 8))
    host.stop()
