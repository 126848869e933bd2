"""What the tests of the cluster start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.cluster.atlas import Atlas
from actors.cluster.etcd import Etcd
from tests.cluster.fleet import Fleet
from tests.cluster.hosts import coordination
from tests.cluster.paper import Desk
from tests.etcd import Etcd as Engine
from tests.etcd import etcd


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Return an etcd of one member, shared by the tests of a module."""
    with etcd() as running:
        yield running


@pytest.fixture
def agreed(engine: Engine) -> Iterator[Etcd]:
    """Return what hosts agree by, with nothing agreed yet."""
    made = coordination(engine)
    yield made
    made.close()


@pytest.fixture
def atlas(fleet: Fleet) -> Iterator[Atlas]:
    """What clients of the fleet know, as last heard: etcd itself may be electing a leader."""
    made = Atlas("clients", fleet.agreed, grace=0.0)
    made.start()
    yield made
    fleet.agreed.close()
    made.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a host's claims, on paper."""
    made = Desk(tmp_path)
    yield made
    made.store.close()
