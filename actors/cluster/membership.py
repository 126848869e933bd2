"""Membership: being there, for as long as most of the engine knows it.

::

    out --sweep, join--> in --renewed, every fifth of the TTL--.
     ^                    |  ^---------------------------------'
     '---- sweep ---------'  lost, or not proven before the deadline

A membership holds until ``TTL`` seconds after the engine has heard of us. The deadline is earlier
by a margin, and counts from the moment that a renewal was *sent*: what took long to answer may
have been heard at once. Whoever is late at the deadline is helped by the guard, so at the end of
the TTL, when others may claim our users, nothing of ours is left.

An engine may also end a membership that was renewed in time (etcd before 3.5.13 does, issue 15247).
So whoever sees that our key is gone says so, and all is killed at once; the others give us the time
(:func:`grace`) to see it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import msgspec

from actors.clock import boottime
from actors.cluster.coordination import Coordination, Lost, Membership, NameTaken
from actors.cluster.directory import Host
from actors.cluster.fence import Fence
from actors.cluster.gateway import Unreachable
from actors.cluster.releases import ISSUE
from actors.cluster.watchman import Watchman

RENEWALS = 5
"""So many in the time of a lease."""
HURRY = 20
"""After a renewal that failed, the next try comes after this part of the time of a lease."""
KILL = 1.0
"""Seconds in which all tenants are killed: 15 of them took 0.03, and the machine may be busy."""
SWEEP = 10.0
"""Seconds that all tenants may take to end when they are killed, before it is tried again."""

log = logging.getLogger(__name__)


def grace(ttl: float) -> float:
    """For how many seconds a host must not have been there until its users may be claimed.

    If its membership was ended too early, and nothing tells it so, its next renewal does. One that
    just joins anew is not there for a moment, either.
    """
    return ttl / RENEWALS + KILL


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the membership tells what becomes of it; each is called on its thread."""

    joined: Callable[[Membership], None]
    lost: Callable[[], None]
    """Nothing of ours runs any more."""


class Keeper:
    """The thread that joins, renews, and joins again."""

    def __init__(
        self,
        coordination: Coordination,
        fence: Fence,
        watchman: Watchman,
        told: Told,
        *,
        name: str,
        entry: Host,
        ttl: int,
        margin: float,
        had: Callable[[int], bool] = lambda incarnation: False,
        now: Callable[[], float] = boottime,
    ) -> None:
        """``had`` says whether somebody here is on record as claimed under an incarnation."""
        self._coordination = coordination
        self._fence = fence
        self._watchman = watchman
        self._told = told
        self._name = name
        self._entry = entry
        self._ttl, self._allowed = ttl, ttl - margin
        self._had = had
        self._now = now
        self._member: Membership | None = None
        self._until = 0.0
        self._gone_at = 0
        self._former: set[int] = set()
        self._problem = ""
        self._lock = threading.Lock()
        """Held to change what holds, and what guard and fence are told of that."""
        self._hurry = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="membership")

    @property
    def member(self) -> Membership | None:
        """The membership that holds; None: there is none."""
        return self._member if self._now() < self._until else None

    @property
    def problem(self) -> str:
        """Why there is none."""
        return self._problem or "this host has not joined yet"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def fenced(self) -> None:
        """The guard has killed everything: see to it at once."""
        self._hurry.set()

    def gone_at(self, revision: int) -> None:
        """Our key was not there at that revision: whoever joined before it is not there any more.

        From any thread; returns when nobody of ours can be started, and the guard is told to kill.
        """
        with self._lock:
            self._gone_at = max(self._gone_at, revision)
            if self._member is None or self._is_there(self._member):
                return
            if self._now() < self._until:
                log.error("etcd has ended the membership, which was proven in time: see %s", ISSUE)
            self._end()
        self._hurry.set()

    def undone(self) -> None:
        """Etcd was put back to a copy, which may know our key and not whom others have claimed.

        From any thread. Nothing of ours runs on because of that: we join anew.
        """
        with self._lock:
            if self._member is None:
                return
            self._end()
        self._hurry.set()

    def _end(self) -> None:
        """Have nobody of ours be started, and the guard told to kill."""
        self._until = 0.0
        self._fence.shut()
        self._watchman.sweep(0.0)

    def _is_there(self, member: Membership) -> bool:
        """Whether nobody has seen that it is not."""
        return member.incarnation > self._gone_at

    def tell(self, entry: Host) -> None:
        """Change what is known of this host, now and when it joins again.

        Raises :class:`Unreachable`.
        """
        self._entry = entry
        if self._member is not None:
            try:
                self._coordination.tell(self._member, entry)
            except Lost:
                self._hurry.set()

    def close(self) -> None:
        """End. The membership ends by itself: whoever comes back before that has its users."""
        self._closed = True
        self._hurry.set()
        self._thread.join()
        self._fence.shut()

    def _run(self) -> None:
        while not self._closed:
            try:
                wait = self._join() if self._member is None else self._renew(self._member)
            except Exception:
                log.exception("membership: a bug")
                wait = self._ttl / HURRY
            self._hurry.wait(wait)
            self._hurry.clear()

    def _join(self) -> float:
        self._fence.shut()
        if not self._watchman.sweep(SWEEP):
            log.error("some instances do not end when they are killed: this host stays out")
            return self._ttl / RENEWALS
        with self._lock:
            self._gone_at = 0  # what was seen so far may be of an etcd that was put back since
        sent = self._now()
        try:
            member = self._coordination.join(self._name, self._entry, self._ttl)
        except (Unreachable, NameTaken) as error:
            self._complain(f"this host cannot join: {error}")
            return self._ttl / HURRY
        until = sent + self._allowed
        if self._now() >= until or self._is_known(member):
            log.warning("the membership is of no use, by its number or its age: once more")
            return 0.0
        self._watchman.until(until, patience=SWEEP)
        with self._lock:
            if not self._is_there(member):
                return self._ttl / HURRY
            self._member, self._until = member, until
            self._fence.open(member.incarnation, until)
        self._problem = ""
        log.info("joined as %s, incarnation %d", self._name, member.incarnation)
        self._told.joined(member)
        return self._pause(sent)

    def _is_known(self, member: Membership) -> bool:
        """Whether this host was there by that incarnation before etcd was put back to a copy.

        Somebody may be on record, or started, as one who was claimed under it.
        """
        if member.incarnation not in self._former and not self._had(member.incarnation):
            self._former.add(member.incarnation)
            return False
        return True

    def _renew(self, member: Membership) -> float:
        sent = self._now()
        try:
            self._coordination.renew(member)
        except Lost as error:
            return self._lose(str(error))
        except Unreachable as error:
            if self._now() >= self._until:
                return self._lose(f"etcd has not answered: {error}")
            log.warning("the membership was not renewed: %s", error)
            return min(self._ttl / HURRY, self._until - self._now())
        if not self._proven(sent):  # the guard has acted, whatever the answer says now
            return self._lose("the answer came after the deadline")
        return self._pause(sent)

    def _pause(self, sent: float) -> float:
        """Return the seconds to the next renewal, after one that was sent then.

        The deadline counts from there, too: after a late answer there may be little left to it.
        """
        return max(0.0, sent + self._ttl / RENEWALS - self._now())

    def _proven(self, sent: float) -> bool:
        with self._lock:
            if self._now() >= self._until:
                return False
            self._until = sent + self._allowed
            self._watchman.until(self._until)
            self._fence.extend(self._until)
            return True

    def _lose(self, why: str) -> float:
        with self._lock:
            self._member, self._until = None, 0.0
            self._fence.shut()
        self._complain(f"the membership is lost, all instances are killed: {why}")
        self._watchman.sweep(SWEEP)
        self._told.lost()
        return 0.0

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            log.error("%s", problem)
        self._problem = problem
