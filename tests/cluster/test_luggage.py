"""What was decided about a user beside its data goes where the user goes, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from actors.cluster.coordination import SeenPlace
from actors.cluster.directory import Kept, Place, State
from actors.cluster.etcd import Etcd
from actors.cluster.gateway import Unreachable
from actors.data.particulars import NONE, Particulars
from bus.backup import PolicyChange
from bus.errors import Unavailable
from bus.sleep import SleepPolicy
from bus.states import Status
from tests.actors.test_store import record
from tests.cluster.hosts import joined, place
from tests.cluster.paper import GRACE, ME, Desk

WHAT = Particulars(
    metadata={"plan": "gold"},
    sleep=SleepPolicy(pinned=True),
    backups=PolicyChange(interval=60.0),
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def _ours(desk: Desk) -> None:
    desk.store.put(record(status=Status.STOPPED, incarnation=ME.incarnation))
    desk.paper.put("alice", place(ME))


def _lost(desk: Desk, **fields: object) -> None:
    """Have alice be of a host that is gone, with what was told of her there."""
    lost = msgspec.structs.replace(ME, host="h9")
    seen = desk.paper.put("alice", place(lost, 3, State.STOPPED))
    assert not desk.atlas.is_lost("h9"), "it is missed since now"
    desk.at += 2 * GRACE
    assert desk.paper.keep("alice", Kept.of(WHAT, epoch=3), None, seen, lost)
    desk.paper.change("alice", **fields)


def test_whoever_claims_a_user_has_what_went_with_it(desk: Desk) -> None:
    """The metadata and both policies, before anybody can ask for them."""
    _lost(desk)
    assert desk.claims.acquire("alice", desk.hands)
    (order,) = desk.hands.taken
    assert order.particulars == WHAT


def test_what_was_somebody_elses_of_that_name_is_nobodys(desk: Desk) -> None:
    """What a purge has left behind, because an older release purged, is older than the user."""
    _lost(desk, born=4, epoch=4)
    assert desk.claims.acquire("alice", desk.hands)
    (order,) = desk.hands.taken
    assert order.particulars is None


def test_what_is_told_holds_for_the_next_owner(desk: Desk) -> None:
    """What the registry has lies beside the place, whoever told something in between."""
    _ours(desk)
    desk.store.put_metadata("alice", WHAT.metadata)
    desk.paper.before_swap.append(lambda: desk.paper.change("alice", version="0.40.6"))
    desk.luggage.pack("alice")
    kept = desk.paper.beside["alice"].kept
    assert (kept.particulars, kept.epoch) == (Particulars(metadata=WHAT.metadata), 1)
    told = desk.paper.beside["alice"]
    desk.luggage.pack("alice")
    assert desk.paper.beside["alice"] == told, "nothing is written that is there"


def test_the_later_of_two_that_are_told_at_once_holds(desk: Desk) -> None:
    """Whoever read the registry before the other wrote it finds that out."""
    _ours(desk)

    def meanwhile() -> None:
        desk.store.put_metadata("alice", {"n": 2})
        desk.luggage.pack("alice")

    desk.store.put_metadata("alice", {"n": 1})
    desk.paper.before_swap.append(meanwhile)
    desk.luggage.pack("alice")
    assert desk.paper.beside["alice"].kept.particulars.metadata == {"n": 2}


def test_a_host_that_was_outlived_tells_nothing(desk: Desk) -> None:
    """Neither when it looks, nor when the claim comes between its look and its word."""
    _ours(desk)
    desk.store.put_metadata("alice", WHAT.metadata)
    other = msgspec.structs.replace(ME, host="h2", incarnation=9)
    desk.paper.before_swap.append(lambda: desk.paper.put("alice", place(other, 2)))
    for _ in range(2):
        with pytest.raises(Unavailable, match="not on this host"):
            desk.luggage.pack("alice")
    assert desk.paper.beside == {}


def test_who_came_with_a_registry_brings_it(desk: Desk) -> None:
    """A host that was alone, or of an older release, tells what it has when it claims its own."""
    desk.store.put(record(status=Status.STOPPED, incarnation=None))
    desk.store.put_metadata("alice", WHAT.metadata)
    assert desk.claims.acquire("alice", desk.hands)
    assert desk.paper.beside["alice"].kept.particulars.metadata == WHAT.metadata


def test_what_could_not_be_told_at_a_join_or_a_rename_is_told_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim came true and etcd is away just then; nothing is told of somebody who has gone."""
    desk.store.put(record(status=Status.STOPPED, incarnation=None))
    desk.store.put_metadata("alice", WHAT.metadata)
    write = desk.paper.put

    def put(user_id: str, new: Place) -> SeenPlace:
        seen = write(user_id, new)
        desk.paper.away = True
        return seen

    monkeypatch.setattr(desk.paper, "put", put)
    assert desk.claims.acquire("alice", desk.hands)
    (again,) = desk.owed.values()
    with pytest.raises(Unreachable):
        again()
    desk.paper.away = False
    again()
    assert desk.paper.beside["alice"].kept.particulars.metadata == WHAT.metadata
    desk.paper.beside.clear()
    desk.paper.change("alice", host="h2")
    desk.paper.away = False
    again()
    assert desk.paper.beside == {}


def test_of_somebody_of_whom_nothing_was_decided_nothing_is_kept(desk: Desk) -> None:
    """Most users: etcd holds nothing for them."""
    _ours(desk)
    desk.luggage.pack("alice")
    assert desk.paper.beside == {}


def test_a_purge_takes_it_along(desk: Desk) -> None:
    """Whoever has the name next has none of it."""
    _ours(desk)
    desk.store.put_metadata("alice", WHAT.metadata)
    desk.luggage.pack("alice")
    record = desk.store.get("alice")
    assert record is not None
    desk.names.purge(record)
    assert desk.paper.beside == {}


def test_nothing_is_told_of_somebody_who_is_being_purged(desk: Desk) -> None:
    """The place is there no more, and the data still are: it would lie there for ever."""
    _ours(desk)
    record = desk.store.get("alice")
    assert record is not None
    desk.names.purge(record)
    desk.store.put_metadata("alice", WHAT.metadata)
    with pytest.raises(Unavailable, match="not on this host"):
        desk.luggage.pack("alice")
    assert desk.paper.beside == {}


def test_what_a_newer_release_writes_hides_nothing_else() -> None:
    """A part that cannot be read counts as not decided; the others are as they were."""
    kept = Kept.of(WHAT, epoch=1)
    odd = msgspec.structs.replace(kept, sleep=msgspec.Raw(b'{"pinned":"on mondays"}'))
    read = msgspec.json.decode(msgspec.json.encode(odd), type=Kept).particulars
    assert read == msgspec.structs.replace(WHAT, sleep=NONE.sleep)


def test_a_real_etcd_keeps_it_likewise(agreed: Etcd) -> None:
    """Written under the place and the membership that were seen, and gone with the place."""
    member = joined(agreed)
    seen = agreed.swap("alice", None, place(member), member)
    assert seen is not None
    assert agreed.kept("alice") is None
    assert agreed.keep("alice", Kept.of(WHAT, epoch=1), None, seen, member)
    found = agreed.kept("alice")
    assert found is not None
    assert found.kept.particulars == WHAT
    assert set(agreed.view().places) == {"alice"}, "whoever reads all places reads none of it"
    newer = Kept.of(NONE, epoch=1)
    assert not agreed.keep("alice", newer, None, seen, member), "somebody wrote it since"
    later = agreed.swap("alice", seen, place(member, 2), member)
    assert not agreed.keep("alice", newer, found, seen, member), "the place has changed since"
    assert later is not None
    again = joined(agreed)
    assert not agreed.keep("alice", newer, found, later, member), "it is not a member any more"
    assert agreed.keep("alice", newer, found, later, again)
    assert agreed.swap("alice", later, place(again, 2, State.PURGED), again) is not None
    assert agreed.kept("alice") is None
