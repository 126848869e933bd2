"""An agreement of paper: what claims are made on, without an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.cluster.atlas import Atlas
from actors.cluster.claims import Claims
from actors.cluster.coordination import (
    Change,
    Doubt,
    Ending,
    Membership,
    Presence,
    SeenHost,
    SeenKept,
    SeenPlace,
    View,
)
from actors.cluster.directory import Host, Kept, Place, State
from actors.cluster.gateway import Unreachable
from actors.cluster.handover import Handover
from actors.cluster.luggage import Luggage
from actors.cluster.names import Names
from actors.cluster.places import Places
from actors.cluster.recovery import Recovery
from actors.cluster.supplies import Supplies
from actors.data.orders import TakeUser
from actors.layout import Layout
from actors.records import Record
from actors.replication.place import Place as ReplicaPlace
from actors.replication.replicas import Replicas
from actors.replication.rewind import Rewind
from actors.store import Store
from bus.errors import Unavailable
from bus.settings import Settings
from tests.cluster.hosts import entry

GRACE = 5.0
ME = Membership(host="h1", incarnation=7, lease=1)


class Paper:
    """A :class:`Coordination` whose swaps are as etcd's; ``h1`` is there, as :data:`ME`."""

    def __init__(self) -> None:
        self.places: dict[str, SeenPlace] = {}
        self.beside: dict[str, SeenKept] = {}
        self.present: dict[str, SeenHost] = {"h1": SeenHost(entry(), ME.incarnation)}
        self.before_swap: list[Callable[[], object]] = []
        """Each is called once, just before a swap: what happens between a read and it."""
        self.away = False
        """It does not answer."""
        self.revision = ME.incarnation
        self.doubted = Doubt()
        self._lock = threading.Lock()

    def come(self, member: Membership) -> None:
        """Have a host be there."""
        self.present[member.host] = SeenHost(entry(), member.incarnation)

    def lose(self, host: str) -> None:
        """Have a host be gone."""
        self.present.pop(host)

    def put(self, user_id: str, place: Place) -> SeenPlace:
        """Have the place be so."""
        self.revision += 1
        self.places[user_id] = SeenPlace(place, self.revision)
        return self.places[user_id]

    def change(self, user_id: str, **fields: object) -> None:
        """Have the place be changed by somebody."""
        self.put(user_id, msgspec.structs.replace(self.places[user_id].place, **fields))

    def read(self, user_id: str) -> SeenPlace | None:
        self._answer()
        return self.places.get(user_id)

    def swap(
        self,
        user_id: str,
        seen: SeenPlace | None,
        new: Place,
        member: Membership,
        *,
        gone: str | None = None,
        also: Ending | None = None,
    ) -> SeenPlace | None:
        if self.before_swap:
            self.before_swap.pop(0)()
        self._answer()
        with self._lock:
            there = self.present.get(member.host)
            is_member = there is not None and there.incarnation == member.incarnation
            if not is_member or self.places.get(user_id) != seen or gone in self.present:
                return None
            if also is not None:
                if self.places.get(also.user_id) != also.seen:
                    return None
                self.put(also.user_id, also.place)
                self.beside.pop(also.user_id, None)
            if new.state is State.PURGED:
                self.beside.pop(user_id, None)
            return self.put(user_id, new)

    def _answer(self) -> None:
        if self.away:
            raise Unreachable("it is away")

    def kept(self, user_id: str) -> SeenKept | None:
        self._answer()
        return self.beside.get(user_id)

    def keep(
        self,
        user_id: str,
        new: Kept,
        former: SeenKept | None,
        seen: SeenPlace,
        member: Membership,
    ) -> bool:
        if self.before_swap:
            self.before_swap.pop(0)()
        if (self.beside.get(user_id), self.places.get(user_id)) != (former, seen):
            return False
        self.revision += 1
        self.beside[user_id] = SeenKept(new, self.revision)
        return True

    def view(self) -> View:
        return View(self.revision, dict(self.present), dict(self.places), self.doubted)

    def doubt(self, until: int, former: Doubt) -> Doubt | None:
        self._answer()
        if former != self.doubted:
            return None
        self.revision += 1
        self.doubted = Doubt(until, self.revision)
        return self.doubted

    def hosts(self) -> Presence:
        self._answer()
        return Presence(self.revision, dict(self.present))

    def watch(self, revision: int, changed: Callable[[Change], None], silence: float) -> None:
        raise NotImplementedError

    def join(self, name: str, entry: Host, ttl: int) -> Membership:
        raise NotImplementedError

    def renew(self, member: Membership) -> None:
        raise NotImplementedError

    def tell(self, member: Membership, entry: Host) -> None:
        raise NotImplementedError

    def leave(self, member: Membership) -> None:
        raise NotImplementedError

    def warnings(self) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing is open."""


class PaperReplicas(Replicas):
    """Says what the test says."""

    based = True

    def has_base(self, record: Record) -> bool:
        """See :class:`Replicas`."""
        return self.based


class PaperHands:
    """Writes into the registry what is taken, and remembers what was let go."""

    def __init__(self, store: Store) -> None:
        self.taken: list[TakeUser] = []
        self.gone: list[str] = []
        self.broken = False
        """Nothing can be noted."""
        self._store = store

    def take(self, order: TakeUser) -> None:
        if self.broken:
            raise Unavailable("the actor does not answer")
        self.taken.append(order)
        record = self._store.get(order.user_id)
        if record is not None:
            changed = {"epoch": order.epoch, "incarnation": order.incarnation}
            self._store.put(msgspec.structs.replace(record, **changed))

    def let_go(self, user_id: str, reason: str) -> None:
        self.gone.append(user_id)
        self._store.forget(user_id)


class Desk:
    """One host's claims, on paper; the registry is a real one, made unless there is one."""

    def __init__(
        self,
        path: Path,
        store: Store | None = None,
        paper: Paper | None = None,
        member: Membership = ME,
    ) -> None:
        self.member: Membership | None = member
        settings = Settings(user_dbs_path=path, replica_url=str(path / "replica"))
        self.layout = layout = Layout(root=path, control=path / ".pblm")
        self.paper, self.at = paper or Paper(), 0.0
        self.atlas = Atlas(member.host, self.paper, grace=GRACE, now=lambda: self.at)
        self.atlas.learn_hosts(self.paper.hosts())
        self.store = store or Store(path / "registry.db")
        self.replicas = PaperReplicas(settings, layout)
        replica = ReplicaPlace(settings)
        self.owed: dict[str, Callable[[], None]] = {}
        """What is to be tried again."""
        self.owe: Callable[[str, Callable[[], None]], None] = self.owed.__setitem__
        self.places = Places(self.paper, self.atlas, self._membership)
        self.luggage = Luggage(
            self.paper,
            self.places,
            self.store,
            layout,
            lambda what, work: self.owe(what, work),
        )
        self.names = Names(self.places, self.store)
        self.recovery = Recovery(layout, Rewind(settings, layout, replica), replica)
        self.claims = Claims(
            self.places,
            self.atlas,
            self.store,
            self.replicas,
            Supplies(self.places, self.atlas, self.recovery),
            self.luggage,
            address="127.0.0.1",
        )
        self.handover = Handover(self.places, self.store, address="127.0.0.1")
        self.hands = PaperHands(self.store)

    def lose(self, host: str) -> None:
        """Have another host be lost, so long ago that nothing of it can be left."""
        self.paper.present.pop(host, None)
        self.atlas.learn_hosts(self.paper.hosts())
        self.atlas.is_lost(host)
        self.at += 2 * GRACE

    def _membership(self) -> Membership:
        if self.member is None:
            raise Unavailable("It is not a member")
        return self.member
