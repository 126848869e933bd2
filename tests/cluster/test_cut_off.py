"""A host that is cut off from etcd, on three loopback addresses: it takes no root.

Each host knows one member of etcd only. When that one stands still, the host is alone, while most
of the members go on. ``tests/nemesis`` has the same with real networks.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from actors.cluster.atlas import Atlas
from actors.cluster.directory import Place, State
from tests.cluster.client import Client
from tests.cluster.fleet import Fleet, fleet_of
from tests.cluster.rows import Rows, numbers_at
from tests.etcd import Etcd as Engine
from tests.etcd import etcd
from tests.house.surroundings import await_end, eventually

pytestmark = pytest.mark.long


@pytest.fixture
def engine() -> Iterator[Engine]:
    with etcd(3) as running:
        yield running


@pytest.fixture
def fleet(engine: Engine) -> Iterator[Fleet]:
    own: dict[str, dict[str, object]] = {
        f"h{number}": {"cluster_etcd": member.url, "cluster_address": f"127.0.0.{number}"}
        for number, member in enumerate(engine.members, start=1)
    }
    with fleet_of(engine, own=own) as made:
        made.start()
        yield made
        for manager in made.hosts.values():
            manager.stop()


def runs_elsewhere(place: Place | None) -> bool:
    return place is not None and place.host != "h3" and place.state is State.RUNNING


def test_it_ends_what_it_runs_before_another_host_begins(
    fleet: Fleet, engine: Engine, atlas: Atlas
) -> None:
    """Clients reach it all the time. When it is back, it owns nothing, and nobody moves."""
    user = fleet.named("h3", "cut")
    served = fleet.hosts["h3"].api.run(user)
    rows = Rows(served)
    client = Client(atlas.place, user, rows.token, pause=0.05)
    client.start()
    try:
        eventually(lambda: len(client.acks) > 3, "it writes")
        engine.members[2].send(signal.SIGSTOP)
        await_end(served["pid"])
        eventually(lambda: runs_elsewhere(atlas.place(user)), "it runs elsewhere")
        eventually(lambda: client.acks[-1].host != "h3", "it writes elsewhere")
        owner = client.acks[-1].host
    finally:
        engine.members[2].send(signal.SIGCONT)
        client.close()
    assert client.overlaps() == []
    fleet.await_hosts("h1", "h2", "h3")
    eventually(lambda: fleet.kept("h3") == 0, "it has let go")
    place = fleet.await_run(user, owner)  # anew, if etcd has dropped everybody once it was whole
    assert {ack.number for ack in client.acks if ack.host == owner} <= set(numbers_at(place))
