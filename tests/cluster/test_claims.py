"""What a claim may do with data that are here: they are not given up without need."""

from __future__ import annotations

import pytest

from actors.cluster.directory import State
from bus.errors import Conflict, ProcessError
from bus.states import Status
from tests.actors.test_store import record
from tests.cluster.hosts import place
from tests.cluster.paper import ME, Desk


@pytest.mark.parametrize("new", [False, True])
def test_an_etcd_that_knows_nothing_takes_nobodys_data(desk: Desk, new: bool) -> None:
    """A new one, or another name of the cluster: the data stay, and nobody begins with none."""
    desk.store.put(kept := record(identity="it has run", incarnation=3, epoch=4))
    with pytest.raises(Conflict, match="restore etcd"):
        desk.claims.acquire("alice", desk.hands, new=new)
    assert (desk.store.get("alice"), desk.hands.gone, desk.paper.places) == (kept, [], {})


def test_a_start_is_confirmed_while_it_is_under_way(desk: Desk) -> None:
    """A look at the replica that comes back late finds another run, or none: nothing is told."""
    begun = record(status=Status.STARTING, incarnation=ME.incarnation, run=1)
    told = desk.paper.put("alice", place(ME))
    desk.replicas.based = False
    desk.store.put(begun)
    assert not desk.claims.confirm(begun, 9001, "it")
    for later in (
        record(status=Status.STOPPED, incarnation=ME.incarnation, run=1),
        record(status=Status.STARTING, incarnation=ME.incarnation, run=2),
    ):
        desk.store.put(later)
        for desk.replicas.based in (False, True):
            with pytest.raises(ProcessError):
                desk.claims.confirm(begun, 9001, "it")
    assert desk.paper.places["alice"] == told
    desk.store.put(begun)
    assert desk.claims.confirm(begun, 9001, "it")
    assert desk.paper.places["alice"].place.state is State.RUNNING
