"""Ending: how the process of one instance is made to end, and for how long that is awaited."""

from __future__ import annotations

import logging
from collections.abc import Callable

from actors.facts import SignalDue, StopTimedOut
from actors.process import ManagedProcess
from actors.records import Record
from actors.services import Services
from actors.timers import Timers
from bus.errors import ProcessError

COPY_LOOKS = 30
COPY_LOOK = 0.1
"""So often, and so many seconds apart, it is looked whether the replica of a run has begun."""

log = logging.getLogger(__name__)


class Ending:
    """First SIGTERM, and SIGKILL for a process that has not obeyed in ``PB_STOP_TIMEOUT``."""

    def __init__(self, record: Callable[[], Record], services: Services, timers: Timers) -> None:
        self.to_sleep = False
        """The process is to end because nobody needs it for now."""
        self._record = record
        self._services = services
        self._timers = timers
        self._killed = False

    def forget(self) -> None:
        """There is a new process, or none: nothing has been asked of it."""
        self._killed = self.to_sleep = False

    def begin(self, process: ManagedProcess, *, to_sleep: bool) -> None:
        """Ask ``process`` to end; a StopTimedOut follows if it has not in time."""
        self._killed, self.to_sleep = False, to_sleep
        self._await()
        self.signal(process, looks=0)

    def signal(self, process: ManagedProcess, looks: int) -> None:
        """Send SIGTERM, once its replica has begun: before, Litestream would end without a copy."""
        replicas, record = self._services.replicas, self._record()
        if replicas is None or looks >= COPY_LOOKS or replicas.begun(record):
            process.terminate()
        else:
            self._timers.start(COPY_LOOK, SignalDue(run=record.run, looks=looks + 1))

    def kill(self, process: ManagedProcess) -> None:
        """Send SIGKILL; a StopTimedOut follows if even that has not ended it in time."""
        self._killed = True
        process.kill()
        self._await()

    def timed_out(self, process: ManagedProcess) -> ProcessError | None:
        """Kill ``process``; return the error when that has been done already, in vain."""
        if self._killed:
            return ProcessError(f"Process error: pid {process.pid} does not end when killed")
        log.warning("%s: pid %d ignores SIGTERM: killed", self._record().user_id, process.pid)
        self.kill(process)
        return None

    def _await(self) -> None:
        timeout = self._services.settings.stop_timeout
        self._timers.start(timeout, StopTimedOut(run=self._record().run))
