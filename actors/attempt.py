"""StartAttempt: from the wish to start an instance to its process.

::

    join the queue --SlotGranted--> ask for a port --PortReserved--> check, lock, spawn
                                          ^                            |   ^      |
                                          |   another PocketBase than  |   |      |
                                          |   before: copy the data <--+   |      |
                                          |             `----DataCopied----+      |
                                          |                                       |
                                          +--- port taken by another, or ---------+
                                               a first start that failed

A step that cannot be taken raises a :class:`bus.errors.StartError`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors import proc, recipe
from actors.data import applied
from actors.data.guard import check_data
from actors.facts import (
    ClaimPort,
    DataCopied,
    InstanceAnswers,
    InstanceReady,
    PortReserved,
    ReleasePort,
    ReservePort,
    RunFact,
    SlotGranted,
    StartRefused,
    StartTimedOut,
    StrayGone,
    StrayTimedOut,
)
from actors.isolation.isolation import give
from actors.layout import make_private_directory
from actors.lock import DirectoryLock
from actors.nursery.spares import move_in
from actors.proc import ProcessIdentity
from actors.process import ManagedProcess
from actors.records import Record
from actors.replication.generation import LocalState
from actors.services import Services
from actors.timers import Timers
from actors.versions.shelf import Binary
from actors.versions.upgrade import Upgrade
from bus.causes import REMEDY, Cause, Remedy
from bus.errors import NoPorts, ProcessError, StartError, StartTimeout

if TYPE_CHECKING:
    from actors.cluster.tenancy import Tenancy

LOCK_LOOKS = 20
LOCK_LOOK = 0.05
"""So often, and so many seconds apart, a lock that nobody seems to hold is looked at. A process
that is going has no command line any more by which it could be found, and the lock still."""
MEETINGS = 3
"""So often a start is tried again whose migrations met Litestream's own first write."""
PORT_TRIES = 3
"""So many ports are tried when others take them between our look and PocketBase's bind."""

log = logging.getLogger(__name__)


class StartAttempt:
    """One try to get one user's process to run. Belongs to that user's actor."""

    def __init__(
        self,
        record: Callable[[], Record],
        services: Services,
        timers: Timers,
        tell: Callable[[RunFact], None],
        *,
        run: int,
        binary: Binary,
        held: int | None = None,
    ) -> None:
        """``record`` gives the user's record as it is then; ``binary`` is what is started.

        ``held`` is the port that the user has already: after a crash nobody is asked for one.
        """
        self.run = run
        self._held = held
        self.upgrade = Upgrade(record, services, timers, tell, run=run, binary=binary)
        self.port: int | None = None
        self._record = record
        self._services = services
        self._timers = timers
        self._tell = tell
        self._taken_ports: frozenset[int] = frozenset()
        self._strays: list[ManagedProcess] = []
        self._evicting = False
        self._evicted = False
        self._looks = 0
        self._meetings = 0

    def learn(self, fact: RunFact) -> ManagedProcess | None:
        """Take the step that ``fact`` allows; return the process once it is spawned."""
        match fact:
            case SlotGranted():
                return self._begin()
            case PortReserved(port=port):
                return self._port_reserved(port)
            case DataCopied(error=error):
                self.upgrade.copied(error)
                return None if self.port is None else self._launch(self.port)
            case InstanceAnswers(identity=identity) if self._services.tenancy is not None:
                applied.show(self._services.layout, self._services.template, self._record().user_id)
                self._ask_for_consent(self._services.tenancy, identity)
            case StartRefused(error=error):
                raise error
            case StrayGone() if self._evicting:
                return self._stray_gone()
            case StrayTimedOut():
                for stray in self._strays:
                    log.warning("pid %d ignores SIGTERM: killed", stray.pid)
                    stray.kill()
        return None

    def try_next_port(self) -> bool:
        """Ask for another port than those that turned out to be taken; False: enough tried."""
        if self.port is None or len(self._taken_ports) + 1 >= PORT_TRIES:
            return False
        log.warning("port %d was taken by another process", self.port)
        self._taken_ports |= {self.port}
        self._reserve_port()
        return True

    def try_again(self) -> bool:
        """Spawn it again on the same port, as one of its first writes met one of Litestream's.

        Both write at first: PocketBase its migrations, all or nothing, Litestream tables of its
        own. False: there is no Litestream, or it was tried often enough.
        """
        if self._services.replicas is None or self._meetings >= MEETINGS:
            return False
        self._meetings += 1
        self._look_later()
        return True

    def goes_on_after(self, cause: Cause) -> bool:
        """Whether the same start goes on with another process."""
        if cause is Cause.DATABASE_LOCKED:
            return self.try_again()
        return REMEDY[cause] is Remedy.NEXT_PORT and self.try_next_port()

    def timed_out(self, process: ManagedProcess | None) -> StartTimeout:
        """Return what is wrong with a process that is not ready by now."""
        return StartTimeout(
            f"PocketBase did not become healthy within {self.upgrade.patience:g} s",
            cause=Cause.START_TIMEOUT,
            output="" if process is None else process.last_output(),
        )

    def fall_back(self, error: StartError) -> None:
        """Go on with the data and the PocketBase from before; raise :class:`StartError`."""
        self.upgrade.take_back(error)
        self._timers.start(self.upgrade.patience, StartTimedOut(run=self.run))
        self._reserve_port()

    def watch(self, process: ManagedProcess, port: int) -> None:
        """Have the actor told when ``process`` is ready."""
        record = self._record()
        self.upgrade.look()

        several = self._services.tenancy is not None
        ready_fact = InstanceAnswers if several else InstanceReady

        def ready(identity: str | None) -> None:
            self._tell(ready_fact(run=self.run, identity=identity))

        data = self._services.layout.data(record.user_id)
        self._services.health.await_ready(
            process,
            port,
            data,
            new=record.identity is None,
            deep=self.upgrade.on_trial,
            ready=ready,
        )

    def _begin(self) -> ManagedProcess | None:
        """Take a spare for a user who is new, if there is one; else begin with the port."""
        record, services = self._record(), self._services
        spare = (
            services.spares.take(self.upgrade.binary.digest) if record.identity is None else None
        )
        if spare is not None and not move_in(spare, record.user_id, services.layout):
            services.spares.add(spare)
            spare = None
        if spare is None and self._held is not None:
            self.port = self._held
            return self._launch(self._held)
        if spare is None:
            self._reserve_port()
            return None
        LocalState(services.layout.replication(record.user_id)).forget()  # as when it is spawned
        self.port = spare.port
        services.ports.tell(ReleasePort(user_id=spare.name))
        services.ports.tell(ClaimPort(user_id=record.user_id, port=spare.port))
        ready = InstanceReady(run=self.run, identity=spare.identity)
        services.health.introduce(
            spare.process,
            spare.port,
            lambda: spare.key,
            services.template.app_name(record.user_id),
            lambda key: self._tell(ready),
        )
        return spare.process

    def _reserve_port(self) -> None:
        self.port, record = None, self._record()
        self._services.ports.tell(
            ReservePort(
                user_id=record.user_id,
                last=record.port,
                avoid=self._taken_ports,
                reply=lambda port: self._tell(PortReserved(run=self.run, port=port)),
            )
        )

    def _port_reserved(self, port: int | None) -> ManagedProcess | None:
        if port is None:
            settings = self._services.settings
            last = settings.base_port + settings.port_range - 1
            raise NoPorts(
                "No available ports for PocketBase instance: "
                f"all of {settings.base_port} to {last} are taken",
                cause=Cause.NO_PORTS,
            )
        self.port = port
        return self._launch(port)

    def _launch(self, port: int) -> ManagedProcess | None:
        record, layout = self._record(), self._services.layout
        data = layout.data(record.user_id)
        self.upgrade.finish()
        had = check_data(data, record, self.upgrade.binary.version)
        make_private_directory(data)
        lock = (
            None
            if self._services.strays.serve(data)
            else DirectoryLock.take(layout.lock(record.user_id))
        )
        if lock is None:
            self._evict()
            return None
        try:
            settled = self.upgrade.settle()
            if self.upgrade.reverted:  # to other data than those that were looked at
                had = frozenset()
            process = self._spawn(record, port, lock, had) if settled else None
        finally:
            lock.close()
        if process is None:
            self.upgrade.copy()
            return None
        self.watch(process, port)
        return process

    def _spawn(
        self, record: Record, port: int, lock: DirectoryLock, had: frozenset[str]
    ) -> ManagedProcess:
        services, data = self._services, self._services.layout.data(record.user_id)
        services.versions.check_source(self.upgrade.binary)
        if record.identity is None:
            had = services.seeds.plant(record.user_id, data) or frozenset()
        services.template.seed(data, self.upgrade.binary.version)
        if record.uid is not None:
            give(data, record.uid)
        spec = recipe.serve(
            self.upgrade.binary.path,
            services.layout,
            services.template,
            record.user_id,
            port,
            lock=lock.fd,
            migrations=applied.hide(services.layout, services.template, record.user_id, had),
        )
        replicas = services.replicas
        spec = services.isolation.wrap(spec, record.uid, ends_with_parent=replicas is not None)
        if replicas is not None:
            spec = replicas.wrap(spec, record)
        else:  # what it changes now would be a hole in a replica that was continued later
            LocalState(services.layout.replication(record.user_id)).forget()
        spec = services.confinement.wrap(spec, record.user_id)
        if services.tenancy is None:
            return services.processes.spawn(spec)
        with services.tenancy.passing(record):
            return services.processes.spawn(services.tenancy.wrap(spec))

    def _ask_for_consent(self, tenancy: Tenancy, identity: str | None) -> None:
        """Have the hosts agree that it runs here; its replica is waited for, however long."""
        assert self.port is not None
        run = self.run
        self._timers.start(tenancy.patience, StartTimedOut(run=run))

        def done(error: StartError | None) -> None:
            if error is None:
                self._tell(InstanceReady(run=run, identity=identity))
            else:
                self._tell(StartRefused(run=run, error=error))

        tenancy.confirm(self._record(), self.port, identity, done)

    def _evict(self) -> None:
        """End whatever serves the directory without our knowledge, before our own may start."""
        record, layout = self._record(), self._services.layout
        data = str(layout.data(record.user_id))
        found = [identity for where, identity in proc.serving(layout.root) if where == data]
        if not found and self._looks < LOCK_LOOKS:
            self._looks += 1
            self._look_later()
            return
        if not found or self._evicted:
            raise ProcessError(
                f"Process error: a process that cannot be found or ended holds {data}: end it, "
                "then call init_pb",
                cause=Cause.DIRECTORY_IN_USE,
            )
        self._evicting = self._evicted = True
        gone = StrayGone(run=self.run)
        for identity in {self._head(identity) for identity in found}:
            stray = self._services.processes.adopt(identity, layout.log(record.user_id))
            if stray is not None:
                log.warning("%s: stopping pid %d, a stray on its data", data, stray.pid)
                self._strays.append(stray)
                stray.watch(lambda status: self._tell(gone))
                stray.terminate()
        self._timers.start(self._services.settings.stop_timeout, StrayTimedOut(run=self.run))
        if not self._strays:
            self._tell(gone)

    def _look_later(self) -> None:
        self._evicting = True
        self._timers.start(LOCK_LOOK, StrayGone(run=self.run))

    def _head(self, stray: ProcessIdentity) -> ProcessIdentity:
        """The process that the stray ends with: it, or a replicating parent, which has our lock."""
        leader = proc.leader(stray.pid)
        lock = str(self._services.layout.lock(self._record().user_id))
        if leader != stray.pid and lock in proc.open_files(leader):
            return proc.identify(leader) or stray
        return stray

    def _stray_gone(self) -> ManagedProcess | None:
        if not all(stray.exited for stray in self._strays):
            return None
        self._evicting = False
        self._strays.clear()
        return None if self.port is None else self._launch(self.port)
