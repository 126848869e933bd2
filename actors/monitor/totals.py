"""The fleet in numbers: sums over what is known of each instance."""

from __future__ import annotations

import os

import psutil

from actors.disk import free_bytes
from actors.monitor.sampler import memory_of
from actors.services import Services
from bus.answers import FleetAnswer
from bus.states import Desired, Status
from bus.usage import Machine, ManagerProcess


class OwnProcess:
    """What the manager itself takes."""

    def __init__(self, services: Services) -> None:
        self._version = services.version
        self._monotonic = services.clock.monotonic
        self._process = psutil.Process()
        self._began = self._at = self._monotonic()
        self._cpu = self._cpu_seconds()
        self._percent = 0.0

    def look(self) -> None:
        """Measure the CPU time since the look before."""
        now, cpu = self._monotonic(), self._cpu_seconds()
        if now > self._at:
            self._percent = 100 * (cpu - self._cpu) / (now - self._at)
        self._at, self._cpu = now, cpu

    def shown(self) -> ManagerProcess:
        """Return it as users see it."""
        return ManagerProcess(
            pid=self._process.pid,
            uptime_seconds=round(self._monotonic() - self._began, 3),
            cpu_percent=round(self._percent, 2),
            memory_bytes=memory_of(self._process),
            pocketbase_version=self._version,
        )

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def fleet(services: Services, manager: ManagerProcess) -> FleetAnswer:
    """Return the fleet in numbers, as of now."""
    store = services.store
    usages = services.usage.all().values()
    under_way, waiting = services.queue.lengths()
    return FleetAnswer(
        at=services.clock.now(),
        statuses={status: store.total(status) for status in Status},
        wanted=sum(record.desired is Desired.RUNNING for record in store.records()),
        starts_under_way=under_way,
        starts_waiting=waiting,
        cpu_percent=round(sum(usage.cpu_percent or 0.0 for usage in usages), 2),
        memory_bytes=sum(usage.memory_bytes or 0 for usage in usages),
        connections=sum(usage.connections or 0 for usage in usages),
        data_bytes=sum(usage.data_bytes or 0 for usage in usages),
        machine=_machine(services),
        manager=manager,
    )


def _machine(services: Services) -> Machine:
    memory = psutil.virtual_memory()
    return Machine(
        cores=os.cpu_count() or 1,
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_free_bytes=free_bytes(services.layout.root),
    )
