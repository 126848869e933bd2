"""ActorSystem: makes the actors and what they share, and closes them in reverse."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pykka

from actors.backups.book import BackupBook
from actors.backups.keeper import make_keeper
from actors.backups.sending import check_elsewhere
from actors.breaker import WINDOW, FleetBreaker
from actors.capability import Capabilities, Capability
from actors.clock import LoopClock
from actors.data.operator import Operator
from actors.data.orders import Order
from actors.data.template import Template
from actors.doctor import Finding, examine
from actors.door.doorman import make_doorman
from actors.door.routes import Routes
from actors.facts import Asked, HurryUp, Ordered, Recover, ShutDown
from actors.health import HealthChecker
from actors.isolation.confinement import Confinement
from actors.isolation.isolation import Isolation
from actors.isolation.isolation import publish as publish_tree
from actors.layout import LOOPBACK, Layout
from actors.lock import ManagerLock
from actors.logs.keeper import log_keeper
from actors.monitor.book import UsageBook
from actors.monitor.monitor import monitor
from actors.monitor.readings import read_fleet
from actors.nursery.nursery import nursery
from actors.nursery.seeds import Seeds
from actors.nursery.spares import Spares
from actors.ports import PortRegistry, is_free
from actors.process import Processes
from actors.replication.replicas import make_replicas
from actors.replication.replicator import make_replicator
from actors.restart import RestartPolicy
from actors.services import Services
from actors.sleep.sleeper import make_sleeper
from actors.start_queue import StartQueue
from actors.store import Store
from actors.strays import Strays
from actors.supervisor import Supervisor
from actors.telling import tell
from actors.versions.opening import open_versions
from actors.versions.rollout import rollouts
from actors.versions.shelf import check_binary
from bus.answers import ErrorAnswer, InstanceAnswer
from bus.errors import PblmError, Unavailable
from bus.events import Event, RestartsSlowed
from bus.hub import Reply
from bus.metrics import Metrics
from bus.requests import GetHealth, GetInstance, Request, UserRequest
from bus.settings import Settings
from bus.states import Desired, Status

if TYPE_CHECKING:
    from actors.cluster.cluster import Cluster
    from actors.cluster.directory import Directory
    from actors.cluster.exchange import Exchange
    from bus.peers.bus import PeerBus

SPARE_PROBES = 8
"""Threads for health checks beyond those that starting instances may occupy."""

CAPABILITIES: tuple[Callable[[Services], Capability], ...] = (
    monitor,
    log_keeper,
    nursery,
    make_replicator,
    rollouts,
    make_keeper,
    make_sleeper,
    make_doorman,
)
"""What the house can do beside the life of the instances, in the order in which it begins."""

FEW_INSTANCES = 100
"""What the machine is examined for at least."""

log = logging.getLogger(__name__)


class ActorSystem:
    """The actors of one manager. Not started before everything it needs could be had."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None) -> None:
        """Check, lock and open what lasts.

        Raises a :class:`bus.errors.PblmError` that says what is missing; nothing is left open.
        """
        self.settings = settings
        self.metrics = metrics or Metrics()
        self.layout = _layout(settings)
        self.cluster: Cluster | None = None
        self.exchange: Exchange | None = None
        self._closing = ExitStack()
        self._stopped = threading.Event()
        self._supervisor: pykka.ActorRef[Supervisor] | None = None
        self._capabilities = Capabilities()
        check_binary(settings.binary_path)
        with ExitStack() as stack:
            self.layout.prepare()
            lock = ManagerLock(self.layout.control / "manager.lock")
            stack.callback(lock.close)
            self.usage = UsageBook()
            self.kept = BackupBook()
            self.store = Store(self.layout.registry)
            stack.callback(self.store.close)
            self.template = Template(settings.template_path, self.layout)
            uids = {record.uid for record in self.store.records() if record.uid is not None}
            self.isolation = Isolation(settings, uids)
            if self.isolation.by_uid:
                publish_tree(self.template.path)
            self.confinement = Confinement(settings, self.layout)
            stack.callback(self.confinement.close)
            check_elsewhere(settings)
            self.replicas = make_replicas(settings, self.layout)
            self.versions = open_versions(settings, self.layout, self.store)
            self.operator = _operator(settings, self.layout)
            self.peers = self._open_peers()
            if self.peers is not None:
                stack.callback(self.peers.close)
            self._closing = stack.pop_all()

    def _open_peers(self) -> PeerBus | None:
        if not self.settings.cluster_etcd:
            return None
        from actors.cluster.exchange import open_peers  # one host loads nothing of it

        return open_peers(self.settings, self.layout)

    def examine(self) -> Iterator[Finding]:
        """Look for what of this machine is in the way of the instances that are to run."""
        wanted = sum(record.desired is Desired.RUNNING for record in self.store.records())
        number = max(wanted, FEW_INSTANCES)
        return examine(self.settings, instances=number, elsewhere=False)

    def start(self, publish: Callable[[Event], None]) -> None:
        """Start the actors; their events go to ``publish``, and to the capabilities."""

        def announce(event: Event) -> None:
            (publish if self.exchange is None else self.exchange.announce)(event)
            self._capabilities.hear(event)
            if self.cluster is not None:
                self.cluster.hear(event)

        services = self._make_services(announce)
        self._closing.callback(services.turns.close)
        self.exchange = self._make_exchange(services, publish)
        self._supervisor = Supervisor.start(services)
        self._closing.callback(self._supervisor.stop)
        for make in CAPABILITIES:
            capability = make(services)
            self._closing.callback(capability.close)
            self._capabilities.add(capability)
        self.metrics.read_fleet(
            lambda: read_fleet(services, self._mailboxes()),
            per_instance=self.settings.metrics_per_instance == "on",
        )
        if self.cluster is None or self.exchange is None:
            self._supervisor.tell(Recover())
        else:
            self.exchange.start()
            mover = self.cluster.start(services, self._recover)
            self._closing.callback(mover.close)
            self._capabilities.add(mover)

    def _recover(self) -> None:
        assert self._supervisor is not None
        tell(self._supervisor, Recover())

    def _mailboxes(self) -> dict[str, int]:
        owners = [ref for ref in (self._supervisor, *self._capabilities.owners()) if ref]
        return {
            ref.actor_class.__name__: ref.actor_inbox.qsize()
            for ref in owners
            if isinstance(ref.actor_inbox, queue.Queue)
        }

    def _make_services(self, publish: Callable[[Event], None]) -> Services:
        settings = self.settings
        clock = LoopClock()
        self._closing.callback(clock.close)
        health = self._make_health(clock)
        free = partial(is_free, address=self.layout.listening)
        ports = PortRegistry.start(settings.base_port, settings.port_range, clock, is_free=free)
        self._closing.callback(ports.stop)
        processes = Processes(clock)
        self.cluster = self._make_cluster(clock)
        return Services(
            settings=settings,
            layout=self.layout,
            store=self.store,
            clock=clock,
            ports=ports,
            queue=StartQueue(settings.max_starting, longest=settings.start_queue),
            health=health,
            processes=processes,
            strays=Strays(self.layout.root, processes.is_managed),
            routes=Routes(self.layout.address.strip("[]")),
            template=self.template,
            operator=self.operator,
            seeds=Seeds(self.template),
            spares=Spares(),
            isolation=self.isolation,
            usage=self.usage,
            kept=self.kept,
            metrics=self.metrics,
            confinement=self.confinement,
            replicas=self.replicas,
            directory=self.directory,
            tenancy=None if self.cluster is None else self.cluster.tenancy,
            publish=publish,
            ask=self._ask,
            order=self._order,
            policy=RestartPolicy(),
            breaker=self._make_breaker(clock, publish),
            versions=self.versions,
        )

    def _make_cluster(self, clock: LoopClock) -> Cluster | None:
        if not self.settings.cluster_etcd:
            return None
        from actors.cluster.cluster import Cluster  # one host loads nothing of it

        assert self.replicas is not None, "the settings ask for it"
        assert self.peers is not None
        cluster = Cluster(
            self.settings,
            self.layout,
            self.store,
            clock,
            self.replicas,
            self.confinement,
            curve=self.peers.key,
        )
        self._closing.callback(cluster.close)
        return cluster

    def _make_exchange(
        self, services: Services, publish: Callable[[Event], None]
    ) -> Exchange | None:
        if self.peers is None:
            return None
        from actors.cluster.exchange import make_exchange

        exchange = make_exchange(services, self.peers, self.handle_here, publish)
        self._closing.callback(exchange.close)
        return exchange

    def _make_breaker(self, clock: LoopClock, publish: Callable[[Event], None]) -> FleetBreaker:
        return FleetBreaker(
            clock.monotonic,
            lambda: self.store.total(Status.RUNNING),
            lambda count: publish(_restarts_slowed(clock, count)),
        )

    def _make_health(self, clock: LoopClock) -> HealthChecker:
        health = HealthChecker(
            clock,
            threads=self.settings.max_starting + SPARE_PROBES,
            operator=self.operator,
            timeout=self.settings.health_timeout,
            address=self.layout.near,
            metrics=self.metrics,
        )
        self._closing.callback(health.close)
        return health

    @property
    def directory(self) -> Directory | None:
        """What is known of the other hosts; None: there is one."""
        return None if self.cluster is None else self.cluster.directory

    def handle(self, request: Request, reply: Reply) -> None:
        """Pass a request to its owner. The hub's handler: never blocks."""
        (self.handle_here if self.exchange is None else self.exchange.handle)(request, reply)

    def handle_here(self, request: Request, reply: Reply) -> None:
        """Pass a request to its owner on this host, which has the user first, if need be."""
        if self.cluster is not None and not isinstance(request, GetHealth):
            self.cluster.check_begun()
        if self.cluster is not None and isinstance(request, UserRequest):
            reply = self.cluster.acknowledge(request, reply)

            def go_on(reply: Reply) -> None:
                try:
                    self._pass_on(request, reply)
                except PblmError as error:
                    reply(ErrorAnswer.of(error))

            if self.cluster.admit(request, reply, go_on):
                return
        self._pass_on(request, reply)

    def _pass_on(self, request: Request, reply: Reply) -> None:
        """Have it answered by its owner.

        The one read that is asked most is answered here, from the registry's memory, without a
        way through another thread.
        """
        if isinstance(request, GetInstance):
            reply(as_known(self.store, self.layout, self.usage, self.kept, request.user_id))
            return
        owner = self._capabilities.owner(request) or self._supervisor
        if owner is None:
            raise Unavailable("The manager is not up yet", retry_after=1)
        try:
            owner.tell(Asked(request=request, reply=reply))
        except pykka.ActorDeadError as error:
            raise Unavailable("The actor system does not answer", retry_after=1) from error

    def _ask(self, request: Request, reply: Reply) -> None:
        try:
            self.handle(request, reply)
        except PblmError as error:
            reply(ErrorAnswer.of(error))

    def _order(self, order: Order, reply: Reply) -> None:
        try:
            assert self._supervisor is not None, "capabilities begin after the supervisor"
            self._supervisor.tell(Ordered(order=order, reply=reply))
        except pykka.ActorDeadError:
            reply(ErrorAnswer.of(Unavailable("The manager is stopping", retry_after=5)))

    def stop_instances(self) -> None:
        """Begin to stop all instances, or to let go of them as ``PB_ON_EXIT`` has it.

        :meth:`wait_stopped` tells when it is done.
        """
        if self._supervisor is None:
            self._stopped.set()
        else:
            keep = self.settings.on_exit == "keep"
            self._supervisor.tell(ShutDown(done=self._stopped.set, keep=keep))

    def wait_stopped(self, timeout: float) -> bool:
        """Wait until every instance is stopped; False when ``timeout`` seconds were not enough."""
        return self._stopped.wait(timeout)

    def hurry(self) -> None:
        """Kill what has not stopped yet."""
        if self._supervisor is not None:
            self._supervisor.tell(HurryUp())

    def close(self) -> None:
        """End the actors and close what they shared."""
        self._closing.close()


def _layout(settings: Settings) -> Layout:
    clustered = bool(settings.cluster_etcd)
    return Layout(
        root=settings.user_dbs_path,
        control=settings.control_path,
        shared=settings.isolation == "uid",
        backups_path=settings.backup_path,
        address=settings.cluster_address if clustered else LOOPBACK,
        host=settings.cluster_host if clustered else None,
        door=settings.public_url,
    )


def _restarts_slowed(clock: LoopClock, count: int) -> RestartsSlowed:
    return RestartsSlowed(
        at=clock.now(),
        reason=f"{count} instances failed within {WINDOW:g} s: restarts are slowed",
        failed_instances=count,
    )


def _operator(settings: Settings, layout: Layout) -> Operator | None:
    if settings.superuser_email is None or settings.superuser_password is None:
        return None
    return Operator.remembered(
        layout.control / "operator.json", settings.superuser_email, settings.superuser_password
    )


def as_known(
    store: Store, layout: Layout, usage: UsageBook, kept: BackupBook, user_id: str
) -> InstanceAnswer:
    """Return the user's instance as registry, monitor and backups have it, or none."""
    record = store.get(user_id)
    if record is None:
        return InstanceAnswer(instance=None)
    instance = msgspec.structs.replace(
        record.instance(layout), usage=usage.latest(user_id), **kept.of(user_id)
    )
    return InstanceAnswer(instance=instance)
