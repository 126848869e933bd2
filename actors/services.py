"""What every instance's actor is given: the parts of the house that it uses but does not own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pykka

from actors.backups.book import BackupBook
from actors.breaker import FleetBreaker
from actors.clock import Clock
from actors.data.operator import Operator
from actors.data.orders import Order
from actors.data.template import Template
from actors.door.routes import Routes
from actors.facts import Reply
from actors.health import HealthChecker
from actors.isolation.confinement import Confinement
from actors.isolation.isolation import Isolation
from actors.layout import Layout
from actors.monitor.book import UsageBook
from actors.nursery.seeds import Seeds
from actors.nursery.spares import Spares
from actors.pooled import Turns
from actors.ports import PortRegistry
from actors.process import Processes
from actors.replication.replicas import Replicas
from actors.restart import RestartPolicy
from actors.start_queue import StartQueue
from actors.store import Store
from actors.strays import Strays
from actors.versions.versions import Versions
from bus.events import Event
from bus.metrics import Metrics
from bus.requests import Request
from bus.settings import Settings

if TYPE_CHECKING:
    from actors.cluster.directory import Directory
    from actors.cluster.tenancy import Tenancy


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""

    settings: Settings
    layout: Layout
    store: Store
    clock: Clock
    ports: pykka.ActorRef[PortRegistry]
    queue: StartQueue
    health: HealthChecker
    processes: Processes
    strays: Strays
    routes: Routes
    template: Template
    operator: Operator | None
    seeds: Seeds
    spares: Spares
    isolation: Isolation
    usage: UsageBook
    kept: BackupBook
    metrics: Metrics
    confinement: Confinement
    replicas: Replicas | None
    """Where every database is copied to; None: nowhere."""
    directory: Directory | None = None
    """Which hosts there are, and whose the users are; None: there is one host."""
    tenancy: Tenancy | None
    """What a start takes where there are several hosts; None: there is one."""
    publish: Callable[[Event], None]
    ask: Callable[[Request, Reply], None]
    """Asks anything that can be asked over the bus; answered once, from any thread, errors too."""
    order: Callable[[Order, Reply], None]
    """Orders what cannot be asked over the bus; answered likewise."""
    turns: Turns = msgspec.field(default_factory=Turns)
    """The threads of the instances' actors."""
    policy: RestartPolicy
    breaker: FleetBreaker
    versions: Versions
    """Which PocketBase is started."""

    @property
    def version(self) -> str | None:
        """The version of the PocketBase that is started; None when it does not tell."""
        return self.versions.current.version
