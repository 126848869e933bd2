"""What a claim may do with data that are here: they are not given up without need."""

from __future__ import annotations

import msgspec
import pytest

from actors.cluster.coordination import Membership
from actors.cluster.directory import State
from bus.errors import Conflict, ProcessError, Unavailable
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


FORMER = msgspec.structs.replace(ME, incarnation=ME.incarnation - 1)
"""What this host was before."""
OTHER = Membership(host="h2", incarnation=5, lease=2)


def kept(desk: Desk, epoch: int) -> None:
    """Have alice's data here, of an epoch that this host has had."""
    desk.store.put(record(identity="hers", incarnation=ME.incarnation - 1, epoch=epoch))
    data = desk.layout.data("alice")
    data.mkdir(exist_ok=True)
    (data / "data.db").touch()


def placed(desk: Desk, member: Membership, epoch: int, **fields: object) -> None:
    """Have her place be so."""
    desk.paper.put("alice", place(member, epoch=epoch))
    desk.paper.change("alice", identity="hers", durable=5, **fields)


def test_a_claim_that_could_not_be_noted_loses_nothing(desk: Desk) -> None:
    """As often as it happens: what is here is newer than the replica, which is not looked at."""
    kept(desk, epoch=6)
    placed(desk, FORMER, epoch=6)
    desk.hands.broken = True
    for epoch in (7, 8):
        with pytest.raises(Unavailable):
            desk.claims.acquire("alice", desk.hands)
        assert (desk.paper.places["alice"].place.epoch, desk.hands.gone) == (epoch, [])
    desk.hands.broken = False
    assert desk.claims.acquire("alice", desk.hands)
    (order,) = desk.hands.taken
    assert (order.epoch, order.draft, desk.hands.gone) == (9, None, [])
    desk.claims.mirror("alice")
    assert desk.paper.places["alice"].place.base is None


def test_what_another_host_has_had_since_is_newer(desk: Desk) -> None:
    """It has told so; or it has told of a start, and then claimed again and did not note that."""
    for epoch, base in ((7, None), (8, 7)):
        kept(desk, epoch=6)
        placed(desk, FORMER, epoch=epoch, base=base)
        desk.hands.gone.clear()
        assert desk.claims.acquire("alice", desk.hands)
        assert desk.hands.gone == ["alice"]


def test_the_newest_data_are_kept_while_their_owner_has_none(desk: Desk) -> None:
    """Another host could not restore them; when it is lost, this one goes on with its own."""
    kept(desk, epoch=6)
    placed(desk, OTHER, epoch=7, base=6, problem="there is no replica")
    desk.paper.come(OTHER)
    desk.atlas.learn_hosts(desk.paper.hosts())
    with pytest.raises(Conflict, match="kept as they are"):
        desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == []
    desk.lose("h2")
    assert desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == []
    assert desk.paper.places["alice"].place.problem is None


def test_the_newest_data_are_kept_while_their_owner_restores(desk: Desk) -> None:
    """Its bucket may be slow, or away, and it may be lost: they are set aside when it has told."""
    kept(desk, epoch=5)
    placed(desk, OTHER, epoch=6, base=5)
    desk.paper.come(OTHER)
    desk.atlas.learn_hosts(desk.paper.hosts())
    with pytest.raises(Conflict, match="kept as they are"):
        desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == []
    desk.paper.change("alice", base=None)
    assert not desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == ["alice"]


def test_a_row_without_a_database_is_not_the_newest(desk: Desk) -> None:
    """A restore had failed here: it is tried again."""
    desk.store.put(record(identity="hers", incarnation=ME.incarnation - 1, epoch=7))
    placed(desk, FORMER, epoch=8, base=6)
    assert desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == ["alice"]
    assert desk.paper.places["alice"].place.problem is not None


def test_a_backup_that_was_put_in_place_of_a_failed_restore_is_kept(desk: Desk) -> None:
    """The restore is not tried again by the next one who asks for the user."""
    kept(desk, epoch=7)
    placed(desk, ME, epoch=7, base=6, problem="there is no replica")
    assert desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == []
    assert desk.paper.places["alice"].place.problem is None


@pytest.mark.parametrize(("epoch", "base", "newest"), [(2, 1, True), (3, 2, False)])
def test_data_that_were_told_and_not_noted_are_kept_until_others_have_them(
    desk: Desk, epoch: int, base: int, newest: bool
) -> None:
    """This host ended just then. Another one cannot restore what has no replica yet."""
    desk.store.put(record(identity="hers"))
    placed(desk, OTHER, epoch=epoch, base=base, problem="there is no replica")
    desk.paper.come(OTHER)
    desk.atlas.learn_hosts(desk.paper.hosts())
    if newest:
        with pytest.raises(Conflict, match="kept as they are"):
            desk.claims.acquire("alice", desk.hands)
    else:
        assert not desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == ([] if newest else ["alice"])


def test_a_restore_that_failed_is_not_taken_when_the_place_has_changed(desk: Desk) -> None:
    """It was told of nobody: what was taken here would be of an epoch that nobody knows."""
    placed(desk, FORMER, epoch=6)
    desk.paper.before_swap += [lambda: None, lambda: desk.paper.change("alice", wanted=False)]
    with pytest.raises(Unavailable, match="has changed"):
        desk.claims.acquire("alice", desk.hands)
    assert desk.hands.taken == []
