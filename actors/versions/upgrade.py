"""Upgrade: what a start does where another PocketBase than before is started on the data."""

from __future__ import annotations

from collections.abc import Callable

from actors.facts import DataCopied, RunFact, StartTimedOut
from actors.lock import DirectoryLock
from actors.records import Record
from actors.services import Services
from actors.timers import Timers
from actors.versions.shelf import Binary
from actors.versions.trial import Trial
from actors.versions.versions import is_first_start
from bus.causes import Cause
from bus.errors import InstanceIOError, ProcessError, StartError
from bus.events import InstanceUpgraded, UpgradeRolledBack

COPY_PATIENCE = 900.0
"""Seconds that the copy of the data may take."""


class Upgrade:
    """Belongs to one :class:`actors.attempt.StartAttempt`; there is one also where none is due."""

    def __init__(
        self,
        record: Callable[[], Record],
        services: Services,
        timers: Timers,
        tell: Callable[[RunFact], None],
        *,
        run: int,
        binary: Binary,
    ) -> None:
        """``record`` gives the user's record as it is then; ``binary`` is what is started."""
        self.binary = binary
        self.on_trial = False
        """It is the first start of the data with this PocketBase, and can be taken back."""
        self.reverted = False
        """The data from before a trial are in their place again, since they were last settled."""
        self.setback = ""
        """Why it is not the PocketBase that was meant to be, to be added to a reason."""
        self.patience = services.settings.start_timeout
        """Seconds that the process may take to become ready."""
        self._record = record
        self._services = services
        self._timers = timers
        self._tell = tell
        self._run = run
        self._trial = Trial(services.layout, record().user_id)
        self._copied = False

    def finish(self) -> None:
        """See to what a former actor has left half done."""
        self._trial.finish()

    def look(self) -> None:
        """Learn from the files whether it is a first start, as of a process that was adopted."""
        under_way = self._trial.is_under_way(self.binary)
        self.on_trial = is_first_start(self._record(), self.binary) and under_way

    def settle(self) -> bool:
        """Have the data in place on which the PocketBase is started; False: copy them first."""
        record = self._record()
        first = is_first_start(record, self.binary)
        under_way = first and self._trial.is_under_way(self.binary)
        self.reverted = not under_way and self._trial.take_back()
        if not first:
            return True
        if not under_way:
            if not self._copied:
                return False
            self._trial.begin(record, self.binary, self._services.clock.now())
        self.on_trial = True
        self.patience = self._services.settings.upgrade_timeout
        self._timers.start(self.patience, StartTimedOut(run=self._run))
        return True

    def copy(self) -> None:
        """Have the data copied by somebody who may wait."""
        services, user_id, run = self._services, self._record().user_id, self._run

        def wanted() -> bool:
            now = services.store.get(user_id)
            return now is not None and now.run == run

        def work() -> None:
            failure = None
            try:
                with DirectoryLock.held(services.layout.lock(user_id)):
                    self._trial.copy(wanted)
            except InstanceIOError as error:
                failure = error
            self._tell(DataCopied(run=run, error=failure))

        self._timers.start(COPY_PATIENCE, StartTimedOut(run=run))
        self.patience = COPY_PATIENCE
        services.health.run(work)

    def copied(self, error: InstanceIOError | None) -> None:
        """The data are copied, or not: raises ``error``."""
        if error is not None:
            raise error
        self._copied = True

    def take_back(self, error: StartError) -> None:
        """Go back to the data and the PocketBase from before.

        Raises :class:`InstanceIOError` when the data cannot be brought back, and
        :class:`ProcessError` when that PocketBase is not there any more.
        """
        services, record, failed = self._services, self._record(), self.binary
        self.on_trial = self._copied = False
        self._trial.take_back()
        former = services.versions.former(record)
        reason = f"the first start with {failed} failed and was taken back: {error.message}"
        self.setback = f"; {reason}"
        services.publish(
            UpgradeRolledBack(
                at=services.clock.now(),
                user_id=record.user_id,
                version=record.version,
                refused=failed.version,
                reason=reason,
                failure=error.failure,
            )
        )
        if former is None:
            raise ProcessError(
                f"Process error: {reason}; the PocketBase from before is not kept any more: "
                "set PB_BINARY_PATH to it, or call init_pb to try again",
                cause=Cause.UPGRADE_FAILED,
                exit_code=error.failure.exit_code,
                output=error.failure.output,
            )
        self.binary, self.patience = former, services.settings.start_timeout

    def succeed(self) -> None:
        """The process is ready: there is no way back any more, so this is said before that is."""
        if self.on_trial:
            self._trial.prove()
            record = self._record()
            self._services.publish(
                InstanceUpgraded(
                    at=self._services.clock.now(),
                    user_id=record.user_id,
                    old=record.version,
                    version=self.binary.version,
                )
            )

    def served_by(self) -> dict[str, str | None]:
        """Return what the record says of the PocketBase that is ready now."""
        record = self._record()
        return {
            "version": self.binary.version or record.version,
            "binary": self.binary.digest,
            "refused": None if self.on_trial else record.refused,
        }

    def learn_types(self) -> None:
        """Have the next users of this version written less."""
        data = self._services.layout.data(self._record().user_id)
        self._services.template.learn(data, self.binary.version)
