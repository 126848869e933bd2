"""Watch: what happens in the house during the day, looked at from outside."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from bus.events import StatusChanged
from bus.states import Status
from bus.subscriber import Subscriber
from tests.benchmarks.door.gate import GatedManager
from tests.benchmarks.door.memory import proportional, serving

EVERY = 2.0
"""Seconds between two looks at the memory."""


class Watch:
    """Watches as long as the ``with`` block runs. What it saw is complete after that."""

    def __init__(self, manager: GatedManager) -> None:
        self._manager = manager
        self._subscriber = Subscriber(
            event_endpoint=manager.settings.event_endpoint,
            command_endpoint=manager.settings.command_endpoint,
        )
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._hear, self._look)]
        self._starting: dict[str, float] = {}
        self._awake: set[str] = set()
        self.awake_at_most = 0
        self.asleep_again = 0
        self.failed: list[str] = []
        self.wakes: list[float] = []
        """Seconds from Starting to Running of each wake."""
        self.instances: list[float] = []
        """MiB of all instances, each time it was looked at."""
        self.ours: list[float] = []
        """MiB of the manager and the door, likewise."""
        self.each: list[float] = []
        """MiB of one instance at the mean, likewise."""

    def _hear(self) -> None:
        while not self._over.is_set():
            update = self._subscriber.receive()
            if isinstance(update, StatusChanged):
                self._note(update)

    def _note(self, change: StatusChanged) -> None:
        user, now = change.user_id, time.monotonic()
        match change.status:
            case Status.STARTING:
                self._starting[user] = now
            case Status.RUNNING:
                self._awake.add(user)
                self.awake_at_most = max(self.awake_at_most, len(self._awake))
                self.wakes.append(now - self._starting.pop(user, now))
            case Status.HIBERNATED:
                self.asleep_again += 1
                self._awake.discard(user)
            case Status.FAILED:
                self.failed.append(f"{user}: {change.reason}")

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            pids = serving(self._manager.settings.user_dbs_path)
            taken = proportional(pids)
            self.instances.append(taken)
            self.ours.append(proportional([self._manager.pid, self._manager.door_pid]))
            if pids:
                self.each.append(taken / len(pids))

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._subscriber.interrupt()
        for thread in self._threads:
            thread.join()
        self._subscriber.close()
