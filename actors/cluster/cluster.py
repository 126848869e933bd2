"""Cluster: this host as one of several. Made only where ``PB_CLUSTER_ETCD`` is set."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from actors.capability import Capability
from actors.clock import Clock
from actors.cluster.acknowledgement import Acknowledgement
from actors.cluster.admission import Admission
from actors.cluster.atlas import Atlas
from actors.cluster.claims import Claims
from actors.cluster.coordination import Membership
from actors.cluster.directory import Directory, Host
from actors.cluster.duties import Duties
from actors.cluster.etcd import Etcd
from actors.cluster.fence import Fence
from actors.cluster.handover import Handover
from actors.cluster.jobs import Jobs
from actors.cluster.luggage import Luggage
from actors.cluster.membership import Keeper, Told, grace
from actors.cluster.mover import Moves, make_mover
from actors.cluster.names import Names
from actors.cluster.places import Places
from actors.cluster.recovery import Recovery
from actors.cluster.steward import Steward
from actors.cluster.supplies import Supplies
from actors.cluster.tenancy import Tenancy
from actors.cluster.watchman import Watchman
from actors.durable import write_file
from actors.facts import Reply
from actors.isolation.confinement import Confinement
from actors.isolation.tenants import open_group
from actors.layout import Layout
from actors.replication.place import Place as ReplicaPlace
from actors.replication.replicas import Replicas
from actors.replication.rewind import Rewind
from actors.services import Services
from actors.store import Store
from bus.errors import Unavailable
from bus.events import (
    Event,
)
from bus.requests import UserRequest
from bus.settings import Settings

log = logging.getLogger(__name__)


class Cluster:
    """The parts of a host that make it one of several. Begins fenced; :meth:`start` joins."""

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        store: Store,
        clock: Clock,
        replicas: Replicas,
        confinement: Confinement,
        *,
        curve: str = "",
    ) -> None:
        self._store = store
        self._steward: Steward | None = None
        self._admission: Admission | None = None
        self._closing = ExitStack()
        home = _home(layout)
        self._coordination = Etcd(settings)
        self._atlas = Atlas(
            settings.cluster_host, self._coordination, grace=grace(settings.cluster_ttl)
        )
        self._jobs = Jobs(clock, settings.cluster_restores)
        self._entry = _entry(settings, home, curve)
        self._replicas = replicas
        self._replica = ReplicaPlace(settings)
        self._recovery = Recovery(layout, Rewind(settings, layout, self._replica), self._replica)
        self._duties = Duties(self._jobs)
        self._places = Places(self._coordination, self._atlas, self.member)
        self._luggage = Luggage(self._coordination, self._places, store, layout, self._duties.owe)
        self._names = Names(self._places, store)
        self._claims = self._make_claims(settings.cluster_address)
        self._acknowledgement = Acknowledgement(store, self._claims, self._luggage, self._jobs)
        group, fence = open_group(layout.control), Fence()
        if group is not None:
            self._closing.callback(group.close)
        kill_files = [*confinement.kill_files, *([group.kill_file] if group else [])]
        self._keeper = self._make_keeper(settings, home, fence, kill_files)
        self._atlas.mind(self._keeper.gone_at, self._keeper.undone, self._absence)
        self.tenancy = Tenancy(
            home, group, fence, self._atlas, self._claims, self._names, self._jobs
        )

    def _make_claims(self, address: str) -> Claims:
        return Claims(
            self._places,
            self._atlas,
            self._store,
            self._replicas,
            Supplies(self._places, self._atlas, self._recovery),
            self._luggage,
            address=address,
        )

    def _make_keeper(
        self, settings: Settings, home: str, fence: Fence, kill_files: list[Path]
    ) -> Keeper:
        watchman = Watchman(home, kill_files, lambda: self._keeper.fenced())
        self._closing.callback(watchman.close)
        return Keeper(
            self._coordination,
            fence,
            watchman,
            Told(joined=lambda member: self._look(), lost=self._lost),
            name=settings.cluster_host,
            entry=self._entry,
            ttl=settings.cluster_ttl,
            margin=settings.cluster_margin,
            had=self._store.has_claimed,
        )

    @property
    def directory(self) -> Directory:
        """What everybody may know."""
        return self._atlas

    def start(self, services: Services, recover: Callable[[], None]) -> Capability:
        """Join, in the background; ``recover`` has the actors begin when that is done.

        Returns the capability of moves.
        """
        handover = Handover(self._places, self._store, address=services.settings.cluster_address)
        self._steward = Steward(
            services,
            self._atlas,
            self._claims,
            handover,
            self._names,
            self._jobs,
            self._duties,
            lambda: self._keeper.member,
            recover,
        )
        self.tenancy.listen(self._steward.mirror)
        self._admission = Admission(self._store, self._atlas, self._steward, self.member)
        moves = Moves(
            services,
            self._atlas,
            handover,
            self._steward,
            self._recovery,
            self._replicas,
            self._replica,
        )
        self._atlas.start()
        self._steward.start()
        self._keeper.start()
        return make_mover(moves, self._drain, self._recovery.close)

    def _drain(self, draining: bool) -> None:
        self._entry = msgspec.structs.replace(self._entry, draining=draining)
        self._keeper.tell(self._entry)
        self._atlas.look()

    def close(self) -> None:
        """End; nothing of ours runs any more. The membership ends by itself, if nobody comes back.

        So a manager that is started again within that time has its users as they were.
        """
        if self._steward is not None:
            self._steward.close()
            self._keeper.close()
            self._recovery.close()
            self._jobs.close()
            self._coordination.close()
            self._atlas.close()
        self._closing.close()

    def member(self) -> Membership:
        """Return the membership of this host; raises :class:`Unavailable`."""
        member = self._keeper.member
        if member is None:
            raise Unavailable(self._why_absent(), retry_after=2)
        return member

    def _absence(self) -> str:
        return "" if self._keeper.member is not None else self._why_absent()

    def _why_absent(self) -> str:
        return f"This host is not in its cluster: {self._keeper.problem}"

    def check_begun(self) -> None:
        """Raise :class:`Unavailable` while it is not known yet which of the users here are ours."""
        if self._steward is None or not self._steward.begun:
            self.member()
            raise Unavailable("This host has just joined its cluster", retry_after=1)

    def admit(self, request: UserRequest, reply: Reply, go_on: Callable[[Reply], None]) -> bool:
        """See :meth:`Admission.admit`."""
        if self._admission is None:
            raise Unavailable("This host has just joined its cluster", retry_after=1)
        return self._admission.admit(request, reply, go_on)

    def acknowledge(self, request: UserRequest, reply: Reply) -> Reply:
        """See :meth:`Acknowledgement.of`."""
        return self._acknowledgement.of(request, reply)

    def hear(self, event: Event) -> None:
        """Tell the other hosts what they must know of ours."""
        if self._admission is not None:
            self._admission.hear(event)

    def _lost(self) -> None:
        """Etcd may have been away, and have come back as it was long ago."""
        self._atlas.reload()
        self._look()

    def _look(self) -> None:
        """The membership has changed. What has ended, the actors learn from their processes."""
        if self._steward is not None:
            self._steward.look()


def _entry(settings: Settings, home: str, curve: str) -> Host:
    address = settings.cluster_address
    return Host(
        bus=f"tcp://{address}:{settings.cluster_bus_port}",
        events=f"tcp://{address}:{settings.cluster_events_port}",
        http=f"http://{address}:{settings.api_port}",
        curve=curve,
        capacity=settings.cluster_capacity,
        version=_version(),
        home=home,
        first_port=settings.base_port,
        last_port=settings.base_port + settings.port_range - 1,
    )


def _version() -> str:
    try:
        return version("pocketbase-lifecycle-manager")
    except PackageNotFoundError:
        return "unknown"


class _Home(msgspec.Struct, frozen=True, kw_only=True):
    home: str


def _home(layout: Layout) -> str:
    """Return what names this directory of data among all hosts, made once."""
    path = layout.control / "cluster.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Home).home
    except FileNotFoundError:
        home = secrets.token_hex(16)
        write_file(path, msgspec.json.encode(_Home(home=home)))
        return home
