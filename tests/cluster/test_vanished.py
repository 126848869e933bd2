"""A membership that was proven in time, and whose key etcd ends all the same (issue 15247)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import cast

import pytest

from actors.clock import boottime
from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Change, Lost, Membership, Presence, SeenHost
from actors.cluster.directory import Host
from actors.cluster.fence import Fence
from actors.cluster.membership import RENEWALS, Keeper, Told, grace
from actors.cluster.watchman import Watchman
from bus.errors import ProcessError
from tests.actors.test_store import record
from tests.cluster.hosts import coordination, entry, place
from tests.cluster.paper import GRACE, Desk, Paper
from tests.cluster.tenants import apart, tenant
from tests.cluster.test_membership import House
from tests.etcd import Etcd as Engine
from tests.house.surroundings import PATIENCE, eventually

TTL = 3000
"""So long that no renewal comes in the time of a test: what is noticed was seen otherwise."""


class PaperEngine(Paper):
    """One that hosts can join; what is called before it answers may change it, or wait."""

    def __init__(self) -> None:
        super().__init__()
        self.present = {}
        self.before_answer: Callable[[Membership], object] = lambda member: None

    def join(self, name: str, entry: Host, ttl: int) -> Membership:
        self.revision += 1
        self.present[name] = SeenHost(entry, self.revision)
        member = Membership(host=name, incarnation=self.revision, lease=1)
        self.before_answer(member)
        return member

    def renew(self, member: Membership) -> None:
        there = self.present.get(member.host)
        self.before_answer(member)
        if there is None or there.incarnation != member.incarnation:
            raise Lost(member.host)

    def vanish(self) -> Change:
        """Have the key of ``h1`` be gone; return what a watch tells of it."""
        self.revision += 1
        del self.present["h1"]
        return Change(revision=self.revision, name="h1", seen=None)


class Guarded(SimpleQueue[str]):
    """What a guard is told, in order; it obeys at once."""

    def until(self, deadline: float, *, patience: float = 0.0) -> None:
        self.put("live")

    def sweep(self, patience: float) -> bool:
        self.put("die")
        return True


class Paperhouse:
    """A host's membership on paper, and what it knows of all hosts."""

    def __init__(self, now: Callable[[], float] = boottime) -> None:
        self.engine = PaperEngine()
        self.atlas = Atlas("h1", self.engine, grace=GRACE)
        self.guard = Guarded()
        self.fence = Fence(now)
        self.joined: SimpleQueue[Membership] = SimpleQueue()
        self.lost: SimpleQueue[None] = SimpleQueue()
        self.keeper = Keeper(
            self.engine,
            self.fence,
            cast(Watchman, self.guard),
            Told(joined=self.joined.put, lost=lambda: self.lost.put(None)),
            name="h1",
            entry=entry("h1"),
            ttl=TTL,
            margin=1.0,
            now=now,
        )
        self.atlas.mind(self.keeper.gone_at)

    def lets_in(self, member: Membership) -> bool:
        """Whether who was claimed under that membership may be started."""
        try:
            with self.fence.passing(member.incarnation):
                return True
        except ProcessError:
            return False

    def told(self) -> list[str]:
        """What the guard was told since it was asked last."""
        return [self.guard.get() for _ in range(self.guard.qsize())]


@contextmanager
def begun(house: Paperhouse) -> Iterator[Membership]:
    """Join; end when nobody waits for an answer any more."""
    house.keeper.start()
    try:
        yield house.joined.get(timeout=PATIENCE)
    finally:
        house.keeper.close()


def heard(house: Paperhouse) -> None:
    """The watch tells of it."""
    house.atlas._hear(house.engine.vanish())


def read(house: Paperhouse) -> None:
    """The watch is dead; somebody reads who is there."""
    house.engine.vanish()
    house.atlas.learn_hosts(house.engine.hosts())


def loaded(house: Paperhouse) -> None:
    """Everything is read again."""
    house.engine.vanish()
    house.atlas.know(house.engine.view())


def joined_by_another(house: Paperhouse) -> None:
    """What is seen is the key of a later membership."""
    house.engine.vanish()
    house.engine.revision += 1
    house.engine.present["h1"] = SeenHost(entry("h1"), house.engine.revision)
    house.atlas.learn_hosts(house.engine.hosts())


@pytest.mark.parametrize("seen", [heard, read, loaded, joined_by_another])
def test_whoever_sees_it_fences_at_once(seen: Callable[[Paperhouse], None]) -> None:
    """Although the next renewal is far, and before whoever has seen it does anything else."""
    house = Paperhouse()
    with begun(house) as member:
        assert house.lets_in(member)
        house.told()
        seen(house)
        assert house.keeper.member != member
        assert not house.lets_in(member)
        assert house.told()[0] == "die"
        house.lost.get(timeout=PATIENCE)
        assert house.joined.get(timeout=PATIENCE).incarnation > member.incarnation


def test_a_renewal_that_is_under_way_does_not_open_again() -> None:
    """It was read before the key was gone, and its answer comes after."""
    house, asked, go_on = Paperhouse(), threading.Event(), threading.Event()

    def wait(member: Membership) -> None:
        asked.set()
        go_on.wait(PATIENCE)

    with begun(house) as member:
        house.engine.before_answer = wait
        house.keeper.fenced()  # so that it renews now
        assert asked.wait(PATIENCE)
        house.told()
        heard(house)
        assert (house.told(), house.keeper.member) == (["die"], None)
        house.engine.before_answer = lambda member: None
        go_on.set()
        house.lost.get(timeout=PATIENCE)
        again = house.joined.get(timeout=PATIENCE)
        assert house.told() == ["die", "die", "live"]  # it loses, sweeps to join, and joins
        assert not house.lets_in(member)
        assert house.lets_in(again)


def test_a_key_that_goes_before_the_join_is_known_is_seen() -> None:
    """Nobody is let in under it; the host joins once more."""
    house = Paperhouse()
    doomed: list[Membership] = []

    def once(member: Membership) -> None:
        if not doomed:
            doomed.append(member)
            heard(house)
            house.keeper.fenced()  # so that it tries again now

    house.engine.before_answer = once
    with begun(house) as member:
        assert member.incarnation > doomed[0].incarnation
        assert not house.lets_in(doomed[0])


def test_a_join_that_took_too_long_is_made_anew_at_once() -> None:
    """The guard would open for none of it; so it is not waited for."""
    house, clock, slow_ones = Paperhouse(), [0.0], list[Membership]()
    house.keeper._now = lambda: clock[0]

    def slow(member: Membership) -> None:
        clock[0] += TTL
        slow_ones.append(member)
        house.engine.before_answer = lambda member: None

    house.engine.before_answer = slow
    with begun(house) as member:
        assert [each.incarnation + 1 for each in slow_ones] == [member.incarnation]
        assert house.told() == ["die", "die", "live"]


def test_a_host_joins_an_etcd_that_was_put_back_to_a_copy() -> None:
    """There the revisions, and so the incarnations, are lower than what was seen before."""
    house = Paperhouse()
    house.engine.revision = 1000
    with begun(house) as member:
        gone = house.engine.vanish()
        house.engine.revision = 10
        house.atlas._hear(gone)
        assert house.joined.get(timeout=PATIENCE).incarnation < member.incarnation


def test_the_end_of_a_former_membership_ends_nothing() -> None:
    """A watch may tell late."""
    house = Paperhouse()
    with begun(house) as member:
        house.atlas._hear(Change(revision=member.incarnation - 1, name="h1", seen=None))
        own = SeenHost(entry("h1"), member.incarnation)
        house.atlas.learn_hosts(Presence(member.incarnation, {"h1": own}))
        assert house.keeper.member == member
        assert house.lets_in(member)


def test_nobody_is_robbed_before_a_host_that_hears_nothing_has_looked(desk: Desk) -> None:
    """Neither because a user is to run, nor because somebody asks for one."""
    owner = Membership(host="h2", incarnation=3, lease=2)
    desk.paper.put("alice", place(owner))
    desk.store.put(record(identity=None, incarnation=None))
    desk.atlas.learn_hosts(desk.paper.hosts())
    for desk.at in (0.0, GRACE):
        assert not desk.atlas.is_lost("h2")
        assert not desk.claims.acquire("alice", desk.hands, new=True)
        assert desk.paper.places["alice"].place.host == "h2"
    desk.at = GRACE + 0.1
    assert desk.atlas.is_lost("h2")
    assert desk.claims.acquire("alice", desk.hands, new=True)
    assert desk.paper.places["alice"].place.host == "h1"


def test_the_time_that_a_host_is_given_has_a_renewal_and_a_sweep_in_it() -> None:
    """For any lease."""
    assert all(grace(ttl) > ttl / RENEWALS for ttl in (3, 9, 20, 300))


def test_a_host_that_etcd_drops_kills_at_once(engine: Engine) -> None:
    """With a real etcd, guard and tenant, and a watch that tells."""
    agreed = coordination(engine)
    name = apart("vanished")
    host = House(agreed, name, TTL)
    atlas = Atlas(name, agreed, grace=GRACE)
    atlas.mind(host.keeper.gone_at)
    atlas.start()
    host.keeper.start()
    try:
        member = host.joined.get(timeout=PATIENCE)
        eventually(lambda: atlas.incarnation(name) == member.incarnation, "it is heard")
        with tenant(name) as ours:
            agreed.leave(member)  # its lease is revoked
            assert ours.wait(PATIENCE) == -signal.SIGKILL
        assert host.joined.get(timeout=PATIENCE).incarnation > member.incarnation
    finally:
        host.keeper.close()
        agreed.close()
        atlas.close()
        host.watchman.close()
