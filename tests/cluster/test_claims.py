"""What a claim may do with data that are here: they are not given up without need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.errors import Conflict
from tests.actors.test_store import record
from tests.cluster.paper import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("new", [False, True])
def test_an_etcd_that_knows_nothing_takes_nobodys_data(desk: Desk, new: bool) -> None:
    """A new one, or another name of the cluster: the data stay, and nobody begins with none."""
    desk.store.put(kept := record(identity="it has run", incarnation=3, epoch=4))
    with pytest.raises(Conflict, match="restore etcd"):
        desk.claims.acquire("alice", desk.hands, new=new)
    assert (desk.store.get("alice"), desk.hands.gone, desk.paper.places) == (kept, [], {})
