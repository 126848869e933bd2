"""What the tests of the cluster start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.cluster.etcd import Etcd
from tests.cluster.hosts import coordination
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
