"""Tenancy: what a start takes on a host that is one of several."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from actors.cluster.atlas import Atlas
from actors.cluster.claims import Claims
from actors.cluster.directory import State
from actors.cluster.fence import Fence
from actors.cluster.gateway import Unreachable
from actors.cluster.guard import MARK
from actors.cluster.jobs import Jobs, problem_of
from actors.cluster.names import Names
from actors.isolation.tenants import TenantGroup
from actors.process import LaunchSpec
from actors.records import Record
from bus.causes import Cause
from bus.errors import BackupError, PblmError, ProcessError, StartError

LOOK = 0.1
"""Seconds between two looks whether the replica has its base."""
AGAIN = 1.0
"""The same, where the replica or etcd did not answer."""
PATIENCE = 300.0
"""Seconds that the first copy of a database may take: 1 GiB at 4 MiB/s."""

log = logging.getLogger(__name__)


class Tenancy:
    """Used by the actors of the instances; nothing here waits."""

    patience = PATIENCE

    def __init__(
        self,
        mark: str,
        group: TenantGroup | None,
        fence: Fence,
        atlas: Atlas,
        claims: Claims,
        names: Names,
        jobs: Jobs,
    ) -> None:
        self._mark = mark
        self._group = group
        self._fence = fence
        self._atlas = atlas
        self._claims = claims
        self._names = names
        self._jobs = jobs
        self._mirror: Callable[[str], None] = lambda user_id: None

    def listen(self, mirror: Callable[[str], None]) -> None:
        """Have ``mirror`` called with a user of whom the other hosts must know something."""
        self._mirror = mirror

    def mirror(self, user_id: str) -> None:
        """Have the other hosts know what is on record of the user; no event tells of it."""
        self._mirror(user_id)

    def wrap(self, spec: LaunchSpec) -> LaunchSpec:
        """Return the command by which the guard knows its process, and all of its children."""
        marked = msgspec.structs.replace(spec, env={**spec.env, MARK: self._mark})
        return marked if self._group is None else self._group.wrap(marked)

    def passing(self, record: Record) -> AbstractContextManager[None]:
        """Let its process be started within this block, or raise :class:`ProcessError`."""
        return self._fence.passing(record.incarnation)

    def hold(self, why: str | None) -> None:
        """Let nobody be started for that reason; None: it is over."""
        self._fence.hold(why)

    def durable(self, user_id: str) -> int:
        """Return the last epoch whose replica is restored from; 0: of none that is known."""
        place = self._atlas.place(user_id)
        return 0 if place is None else place.durable

    def has_ended(self, user_id: str, epoch: int) -> bool:
        """Whether the hosts know that nobody has that name, or somebody else than in that epoch.

        Until they are heard, they know nothing.
        """
        place = self._atlas.place(user_id)
        return place is not None and (place.state is State.PURGED or place.born > epoch)

    def purge(self, record: Record, done: Callable[[PblmError | None], None]) -> None:
        """Have ``done`` called once no host looks for the user's data any more, or why not.

        So nobody brings back from the replica what is removed after it, and what comes next under
        that name has a higher epoch.
        """
        self._jobs.quick(lambda: done(problem_of(lambda: self._names.purge(record))))

    def confirm(
        self,
        record: Record,
        port: int,
        identity: str | None,
        done: Callable[[StartError | None], None],
    ) -> None:
        """Have ``done`` called once the user's place says that it runs here, or never will.

        That is when the replica of this epoch has its base: from then on, what is acknowledged is
        found by whoever comes after us.
        """

        def work() -> None:
            try:
                finished = self._claims.confirm(record, port, identity)
            except StartError as error:
                done(error)
                return
            except (Unreachable, BackupError) as error:
                log.warning("%s: it cannot be told yet that it runs: %s", record.user_id, error)
                self._jobs.look(work, delay=AGAIN)
                return
            except PblmError as error:
                done(ProcessError(f"Process error: {error.message}", cause=Cause.NOT_OWNER))
                return
            except Exception as bug:
                log.exception("%s: a bug", record.user_id)
                done(ProcessError(f"Process error: by a bug: {bug!r}", cause=Cause.NOT_OWNER))
                return
            if finished:
                done(None)
            else:
                self._jobs.look(work, delay=LOOK)

        self._jobs.look(work)
