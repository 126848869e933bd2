"""An etcd that was put back to a copy: it knows older epochs than the hosts and the replica."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Membership
from actors.cluster.directory import Host, State
from actors.cluster.jobs import Work
from actors.cluster.lookout import SILENCE, WAIT
from actors.layout import directory_name
from actors.replication.generation import Generation
from bus.errors import BackupError, Conflict, Unavailable
from tests.actors.test_store import record
from tests.cluster.hosts import entry, place
from tests.cluster.paper import GRACE, ME, Desk, Paper
from tests.cluster.test_vanished import Paperhouse, begun
from tests.house.surroundings import PATIENCE

FORMER = msgspec.structs.replace(ME, incarnation=ME.incarnation - 1)
"""What this host is by the copy."""
OTHER = Membership(host="h2", incarnation=5, lease=2)
COPY = 3
"""The epoch that the copy knows."""
BORN = datetime(2026, 11, 1, tzinfo=UTC)


def copied(desk: Desk, member: Membership, **fields: object) -> None:
    """Have the copy know alice there."""
    told = place(member, epoch=COPY)
    changes = {"identity": "hers", "durable": COPY, "created_at": BORN} | fields
    desk.paper.put("alice", msgspec.structs.replace(told, **changes))


def kept(desk: Desk, epoch: int) -> None:
    """Have data of alice here, which were told to the hosts under that epoch."""
    desk.store.put(record(identity="hers", incarnation=900, epoch=epoch))
    data = desk.layout.data("alice")
    data.mkdir()
    (data / "data.db").touch()


def written(desk: Desk, *epochs: int, since: timedelta = timedelta(days=1)) -> None:
    """Have the replica know these epochs."""
    for epoch in epochs:
        name = Generation(place="", epoch=epoch, began=BORN + since).name
        (desk.layout.root / "replica" / directory_name("alice") / name).mkdir(parents=True)


def come_anew(desk: Desk) -> None:
    """Have the other host be there, by a later membership than the copy knows it by."""
    desk.paper.come(msgspec.structs.replace(OTHER, incarnation=OTHER.incarnation + 1))


def there(desk: Desk) -> tuple[str, int, int, int | None]:
    found = desk.paper.places["alice"].place
    return found.host, found.epoch, found.durable, found.base


@pytest.mark.parametrize("owner", ["h1", "h2", ""])
def test_who_has_newer_data_than_etcd_knows_goes_on_with_them(desk: Desk, owner: str) -> None:
    """Wherever the user was by the copy; under an epoch that there never was."""
    copied(desk, msgspec.structs.replace(OTHER if owner != "h1" else FORMER, host=owner))
    come_anew(desk)
    kept(desk, epoch=7)
    written(desk, 1, 3, 6, 7)
    assert desk.claims.acquire("alice", desk.hands)
    (order,) = desk.hands.taken
    assert (order.epoch, order.draft, desk.hands.gone) == (8, None, [])
    assert there(desk) == ("h1", 8, 7, 7)
    desk.atlas._load(0.0)
    assert desk.paper.doubted.until == desk.atlas.doubt > 0, "whoever begins later knows"
    (warning,) = desk.atlas.warnings()
    assert warning.endswith("since then: 1")
    desk.paper.change("alice", incarnation=desk.paper.revision + 1)
    desk.atlas._load(0.0)
    assert list(desk.atlas.warnings()) == []


def test_nobody_is_robbed_whose_owner_by_the_copy_has_claimed_it_anew(desk: Desk) -> None:
    """It may run there. The data that are here stay here."""
    kept(desk, epoch=7)
    for epoch, incarnation in ((COPY, OTHER.incarnation), (7, OTHER.incarnation + 1)):
        copied(desk, OTHER)
        desk.paper.change("alice", epoch=epoch, incarnation=incarnation)
        desk.paper.come(msgspec.structs.replace(OTHER, incarnation=incarnation))
        told = desk.paper.places["alice"]
        with pytest.raises(Conflict, match="kept as they are"):
            desk.claims.acquire("alice", desk.hands)
        assert (desk.paper.places["alice"], desk.hands.gone) == (told, [])


@pytest.mark.parametrize("own", [None, COPY, 5])
def test_who_has_older_data_than_the_replica_waits_and_takes_those(
    desk: Desk, own: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another host may come with what is not even there; what lies here is not gone on with."""
    copied(desk, FORMER)
    written(desk, COPY, 6)
    if own is not None:
        kept(desk, epoch=own)
    told, now = desk.paper.places["alice"], [100.0]
    monkeypatch.setattr(desk.claims._lookout, "_now", lambda: now[0])
    for now[0] in (100.0, 99.0 + WAIT):
        with pytest.raises(Unavailable, match="put back to a copy"):
            desk.claims.acquire("alice", desk.hands)
        assert (desk.paper.places["alice"], desk.hands.gone) == (told, [])
    now[0] = 100.0 + WAIT
    assert desk.claims.acquire("alice", desk.hands)
    assert there(desk) == ("h1", 7, 6, 6)
    assert desk.hands.gone == ([] if own is None else ["alice"])

    copied(desk, FORMER)  # once more
    written(desk, 8)
    with pytest.raises(Unavailable, match="up to epoch 8"):
        desk.claims.acquire("alice", desk.hands)


def test_who_was_claimed_while_it_waited_for_its_turn_is_no_sign(desk: Desk) -> None:
    """The host that was lost has come back meanwhile, and has begun its next epoch."""
    copied(desk, OTHER)
    desk.lose("h2")
    later: list[Work] = []
    assert desk.claims.acquire("alice", desk.hands, later=later.append)
    come_anew(desk)
    desk.paper.change("alice", epoch=COPY + 1, incarnation=OTHER.incarnation + 1)
    written(desk, COPY, COPY + 1)
    with pytest.raises(Unavailable, match="changed meanwhile"):
        later[0]()
    desk.atlas._load(0.0)
    assert (desk.atlas.doubt, list(desk.atlas.warnings())) == (0, [])
    assert there(desk)[:2] == ("h2", COPY + 1)


def test_the_last_of_several_who_have_had_it_since_wins(desk: Desk) -> None:
    """The other one finds its epoch in the place, and sets aside what it has."""
    copied(desk, OTHER)
    come_anew(desk)
    written(desk, COPY, 4, 6)
    kept(desk, epoch=4)
    with pytest.raises(Unavailable, match="up to epoch 6"):
        desk.claims.acquire("alice", desk.hands)
    desk.paper.change("alice", epoch=7, incarnation=OTHER.incarnation + 1)
    assert not desk.claims.acquire("alice", desk.hands)
    assert desk.hands.gone == ["alice"]


@pytest.mark.parametrize("fields", [None, {"state": State.PURGED}, {"expected": "an import"}])
def test_who_is_unknown_to_the_copy_is_kept(desk: Desk, fields: dict[str, object] | None) -> None:
    """So is somebody who had gone by then, and has come again: it is not guessed who that is."""
    kept(desk, epoch=7)
    if fields is not None:
        copied(desk, ME, **fields)
    for new in (False, True):
        with pytest.raises(Conflict, match="kept as they are"):
            desk.claims.acquire("alice", desk.hands, new=new)
    assert (desk.hands.gone, desk.hands.taken) == ([], [])


def test_nobody_begins_with_nothing_who_has_a_replica(desk: Desk) -> None:
    """Also by a manager that began after etcd was put back; who had gone by its place may be."""
    written(desk, 4)
    with pytest.raises(Conflict, match="there is a replica"):
        desk.claims.acquire("alice", desk.hands, new=True)
    copied(desk, OTHER, state=State.PURGED)
    with pytest.raises(Conflict, match="there is a replica"):
        desk.claims.acquire("alice", desk.hands, new=True)
    desk.paper.change("alice", epoch=4)
    assert desk.claims.acquire("alice", desk.hands, new=True)
    assert (there(desk)[1], desk.paper.places["alice"].place.born) == (5, 5)


def test_what_a_former_user_of_the_name_has_left_is_no_sign(desk: Desk) -> None:
    """It began before this one."""
    copied(desk, FORMER)
    kept(desk, epoch=COPY)
    written(desk, 9, since=timedelta(days=-1))
    assert desk.claims.acquire("alice", desk.hands)
    assert there(desk)[1] == COPY + 1


class Place:
    """One that does not answer, and takes its time for it."""

    def __init__(self, patience: float) -> None:
        self.asked, self.at, self._patience = 0, 100.0, patience

    def generations(self, user_id: str) -> dict[str, datetime]:
        """See :class:`Replicas`."""
        self.asked += 1
        self.at += self._patience
        raise BackupError("no route")


@pytest.mark.parametrize(("patience", "asked"), [(0.1, 3), (5.0, 1)])
def test_whose_data_are_here_does_not_wait_for_the_replica(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, patience: float, asked: int
) -> None:
    """Unless etcd was put back. Where it hangs it is asked once, and not again for a while."""
    replica = Place(patience)
    monkeypatch.setattr(desk.replicas, "generations", replica.generations)
    monkeypatch.setattr(desk.claims._lookout, "_now", lambda: replica.at)

    def claimed() -> bool:
        copied(desk, FORMER)
        desk.store.put(record(identity="hers", incarnation=3, epoch=COPY))
        return desk.claims.acquire("alice", desk.hands)

    kept(desk, epoch=COPY)
    assert claimed()
    assert claimed()
    desk.atlas.doubt = FORMER.incarnation
    with pytest.raises(Unavailable, match=r"no route|does not answer"):
        claimed()
    assert replica.asked == asked
    replica.at += SILENCE
    desk.atlas.doubt = 0
    assert claimed()
    assert replica.asked == asked + 1


class Copied(Paper):
    """What may be put back to how it was."""

    def copy(self) -> tuple[object, ...]:
        return self.revision, dict(self.places), dict(self.present), self.doubted

    def restore(self, copy: tuple[object, ...]) -> None:
        self.revision, self.places, self.present, self.doubted = copy  # type: ignore[assignment]

    def join(self, name: str, entry: Host, ttl: int) -> Membership:
        self.revision += 1
        return Membership(host=name, incarnation=self.revision, lease=1)


@pytest.mark.parametrize("since", [0, 9])
def test_what_was_heard_before_counts_for_nothing(since: int) -> None:
    """Whether the revisions have fallen as far as anybody sees, or have caught up by then."""
    paper, undone = Copied(), []
    atlas = Atlas("h1", paper, grace=GRACE)
    atlas.mind(lambda revision: None, lambda: undone.append(atlas.doubt == math.inf))
    alice = paper.put("alice", place(ME))
    atlas.know(paper.view())
    copy = paper.copy()
    paper.put("alice", place(OTHER, epoch=2))
    atlas.know(paper.view())
    paper.restore(copy)
    for number in range(since):
        paper.put(f"user-{number}", place(ME))
    atlas.look()
    assert (undone, atlas.wait_loaded(0)) == (([True], False) if not since else ([], True))
    atlas.know(paper.view())
    assert (atlas.place("alice"), undone) == (alice.place, [True])
    atlas.look()
    atlas.know(paper.view())
    assert undone == [True], "it is told once"


def test_whoever_begins_later_knows_that_etcd_was_put_back() -> None:
    """And which claims came after it was noticed: nothing is doubtful about these."""
    paper = Copied()
    atlas = Atlas("h1", paper, grace=GRACE)
    paper.put("alice", place(ME))
    copy = paper.copy()
    paper.put("alice", place(OTHER, epoch=2))
    atlas.know(paper.view())
    paper.restore(copy)
    atlas.look()
    assert atlas.is_doubtful(place(msgspec.structs.replace(ME, incarnation=10**9)))
    atlas._load(0.0)

    later = Atlas("h2", paper, grace=GRACE)
    later.know(paper.view())
    since = msgspec.structs.replace(ME, incarnation=paper.revision + 1)
    for known in (atlas, later):
        assert known.is_doubtful(place(ME))
        assert not known.is_doubtful(place(since, epoch=2))


def put_back_under(*atlases: Atlas, paper: Copied, copy: tuple[object, ...]) -> Membership:
    """Have etcd be as that copy; the first finds it, the first host joins anew, the others find it.

    Nobody has noted it by then.
    """
    for number in range(9):
        paper.put(f"user-{number}", place(OTHER))
    for atlas in atlases:
        atlas.know(paper.view())
    paper.restore(copy)
    atlases[0].look()
    again = paper.join("h1", entry("h1"), 9)
    paper.put("alice", place(again))
    for atlas in atlases[1:]:
        atlas.look()
    return again


@pytest.mark.parametrize("first", [0, 1])
def test_whoever_finds_it_first_and_notes_it_last_is_not_doubted(first: int) -> None:
    """It joins anew before anything is noted; others find it when it has claimed by then."""
    paper = Copied()
    atlases = [Atlas(host, paper, grace=GRACE) for host in ("h1", "h2")]
    again = put_back_under(*atlases, paper=paper, copy=paper.copy())
    before = paper.view()
    for number in (first, 1 - first, first):
        atlases[number]._load(0.0)
    later = Atlas("h3", paper, grace=GRACE)
    later.know(paper.view())
    for known in (*atlases, later):
        assert known.is_doubtful(place(ME))
        assert not known.is_doubtful(place(again))

    noted = paper.doubted
    later.suspect("alice")
    later._note(before)
    assert (paper.doubted, later.doubt) == (noted, math.inf), "it is looked at once more"
    later._load(0.0)
    assert paper.doubted.until == later.doubt >= again.incarnation


@pytest.mark.parametrize("knows", [False, True])
def test_that_it_was_put_back_once_more_is_noted_once_more(knows: bool) -> None:
    """Whether or not the copy has the former note; what came after the last time is not doubted."""
    paper = Copied()
    atlas, copy = Atlas("h1", paper, grace=GRACE), paper.copy()
    put_back_under(atlas, paper=paper, copy=copy)
    atlas._load(0.0)
    again = put_back_under(atlas, paper=paper, copy=paper.copy() if knows else copy)
    atlas._load(0.0)
    assert paper.doubted.until == atlas.doubt == again.incarnation - 1


def test_what_was_answered_late_is_no_sign() -> None:
    """Something newer was heard between the question and its answer."""
    paper, undone = Copied(), []
    atlas = Atlas("h1", paper, grace=GRACE)
    atlas.mind(lambda revision: None, lambda: undone.append(1))
    atlas.know(paper.view())
    old = paper.hosts()
    atlas.learn("alice", paper.put("alice", place(ME)))
    atlas.learn_hosts(old)
    atlas.look()
    assert undone == []


def test_a_host_joins_anew_when_etcd_was_put_back() -> None:
    """The copy may know its membership: what it runs may be another host's by that copy."""
    house = Paperhouse()
    house.atlas.mind(house.keeper.gone_at, house.keeper.undone)
    with begun(house) as member:
        house.atlas.learn("alice", house.engine.put("alice", place(member)))
        house.engine.revision = member.incarnation
        house.told()
        house.atlas.look()
        assert house.keeper.member is None
        assert not house.lets_in(member)
        assert house.told()[0] == "die"
        again = house.joined.get(timeout=PATIENCE)
        assert again.incarnation > member.incarnation
        assert house.lets_in(again)
        house.atlas._load(0.0)
        assert house.atlas.is_doubtful(place(member))
        assert not house.atlas.is_doubtful(place(again))


def test_an_incarnation_that_there_was_before_is_not_taken() -> None:
    """Somebody here may be on record as claimed under it; or it was this manager's."""
    house = Paperhouse()
    house.keeper._had = lambda incarnation: incarnation < 10
    with begun(house) as member:
        assert member.incarnation == 10
        house.engine.revision = 9
        house.keeper.undone()
        assert house.joined.get(timeout=PATIENCE).incarnation == 11
