"""A host's membership, with a real etcd and a real guard."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from actors.clock import boottime
from actors.cluster.coordination import Membership
from actors.cluster.etcd import Etcd
from actors.cluster.fence import Fence
from actors.cluster.gateway import Unreachable
from actors.cluster.membership import Keeper, Told
from actors.cluster.watchman import Watchman
from bus.errors import ProcessError
from tests.cluster.hosts import TTL, coordination, entry
from tests.cluster.tenants import apart, tenant
from tests.etcd import Etcd as Engine
from tests.etcd import etcd
from tests.house.surroundings import PATIENCE, eventually

MARGIN = 0.5
LONG = 8
"""A lease's time in which there is an election, on a busy machine too."""


class House:
    """The parts of a host that keep its membership."""

    def __init__(self, agreed: Etcd, name: str, ttl: int) -> None:
        self.joined: SimpleQueue[Membership] = SimpleQueue()
        self.lost: SimpleQueue[float] = SimpleQueue()
        self.fence = Fence()
        self.watchman = Watchman(name, (), lambda: self.keeper.fenced())
        self.keeper = Keeper(
            agreed,
            self.fence,
            self.watchman,
            Told(joined=self.joined.put, lost=lambda: self.lost.put(boottime())),
            name=name,
            entry=entry(name),
            ttl=ttl,
            margin=MARGIN,
        )


@contextmanager
def joined_house(agreed: Etcd, name: str, ttl: int = TTL) -> Iterator[tuple[House, Membership]]:
    made = House(agreed, name, ttl)
    made.keeper.start()
    try:
        yield made, made.joined.get(timeout=PATIENCE)
    finally:
        made.keeper.close()
        made.watchman.close()


def test_a_host_whose_key_is_gone_kills_and_joins_anew(agreed: Etcd) -> None:
    """It learns at its next renewal; what was claimed before cannot be started after."""
    with joined_house(agreed, apart("m1")) as (host, member), tenant(apart("m1")) as ours:
        with host.fence.passing(member.incarnation):
            pass
        agreed.leave(member)
        host.keeper.fenced()  # so that it does not wait for its time
        host.lost.get(timeout=PATIENCE)
        assert ours.wait(PATIENCE) == -signal.SIGKILL
        again = host.joined.get(timeout=PATIENCE)
        assert again.incarnation > member.incarnation
        with pytest.raises(ProcessError), host.fence.passing(member.incarnation):
            pass


@pytest.fixture(scope="module")
def three() -> Iterator[Engine]:
    with etcd(3) as running:
        yield running


def test_without_a_majority_everything_is_killed_in_time(three: Engine) -> None:
    """Two of three members stand still: nobody can say that we are there. Then they go on."""
    agreed = coordination(three)
    with joined_house(agreed, apart("m2")) as (host, first), tenant(apart("m2")) as ours:
        began = boottime()
        for member in three.members[:2]:
            member.send(signal.SIGSTOP)
        assert ours.wait(PATIENCE) == -signal.SIGKILL
        assert boottime() - began < TTL - MARGIN + 0.5
        for member in three.members[:2]:
            member.send(signal.SIGCONT)
        again = host.joined.get(timeout=PATIENCE)
        assert again.incarnation > first.incarnation
    agreed.close()


def test_a_member_that_hangs_is_passed_over(three: Engine) -> None:
    """The leader stands still: another one is elected, and asked; nobody is killed."""
    agreed = coordination(three, cluster_ttl=LONG)
    with joined_house(agreed, apart("m3"), LONG) as (host, _), tenant(apart("m3")) as ours:
        leader = three.leader()
        leader.send(signal.SIGSTOP)
        ends = boottime() + LONG
        try:
            eventually(lambda: boottime() > ends, "a lease's time has passed")
        finally:
            leader.send(signal.SIGCONT)
        assert host.lost.empty()
        assert ours.poll() is None
    agreed.close()


def test_who_is_silent_is_asked_last_only_if_it_is_out_of_touch(three: Engine) -> None:
    """A watch that tells of nothing may be well, or hang with its member."""
    agreed = coordination(three)
    revision = agreed.view().revision
    first = agreed._gateway.members[0]
    with pytest.raises(Unreachable):
        agreed.watch(revision, lambda change: None, 0.2)
    assert agreed._gateway.members[0] is first
    (member,) = [each for each in three.members if each.url == first.url]
    member.send(signal.SIGSTOP)
    try:
        with pytest.raises(Unreachable):
            agreed.watch(revision, lambda change: None, 0.2)
    finally:
        member.send(signal.SIGCONT)
    assert agreed._gateway.members[-1] is first
    agreed.close()
