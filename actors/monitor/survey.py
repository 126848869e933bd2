"""Survey: one look at the whole fleet, again and again."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from actors import sockets
from actors.monitor.footprint import Footprint
from actors.monitor.sampler import ProcessSampler, Sample
from actors.records import Record
from actors.services import Services
from bus.events import UsageSampled
from bus.states import Status
from bus.usage import Usage


class Survey:
    """Looks at every instance; what it sees goes into the book and to those who listen.

    Used by one thread at a time.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._samplers: dict[str, ProcessSampler] = {}
        self._footprint = Footprint(services.clock.monotonic)

    def look_at_all(self) -> None:
        """Look at every instance once."""
        records = self._services.store.records()
        connections = sockets.connections()
        for record in records:
            if record.pid is None and self._is_as_it_was(record.user_id):
                continue
            usage = self._look_at(record, connections)
            self._services.usage.note(record.user_id, usage)
            if usage.cpu_seconds is not None:
                self._services.publish(
                    UsageSampled(at=usage.sampled_at, user_id=record.user_id, usage=usage)
                )
        users = {record.user_id for record in records}
        self._services.usage.keep_only(users)
        for user_id in self._samplers.keys() - users:
            del self._samplers[user_id]

    def measure_data(self) -> None:
        """Measure what the users' data take on the disk, within the budget for that."""
        records = self._services.store.records()
        self._footprint.keep_only({record.user_id for record in records})
        # What is just being made would be told too small, for as long as it is not measured again.
        settled = (each.user_id for each in records if each.status is not Status.STARTING)
        self._footprint.measure(settled, self._data)

    def _data(self, user_id: str) -> Path:
        layout, record = self._services.layout, self._services.store.get(user_id)
        deleted = record is not None and record.deleted_at is not None
        return layout.trash(user_id) if deleted else layout.data(user_id)

    def _is_as_it_was(self, user_id: str) -> bool:
        """Whether the last look at a user without a process saw what there is to be seen now.

        Nearly all users of a large house are asleep: they cost a look-up each, no more.
        """
        last = self._services.usage.latest(user_id)
        return (
            last is not None
            and last.cpu_seconds is None
            and last.data_bytes == self._footprint.size(user_id)
        )

    def _look_at(self, record: Record, connections: Counter[int]) -> Usage:
        now = self._services.clock.now()
        data_bytes = self._footprint.size(record.user_id)
        uptime = _uptime(record, now)
        sample = self._sample(record, uptime)
        if sample is None:
            return Usage(sampled_at=now, data_bytes=data_bytes)
        return Usage(
            sampled_at=now,
            uptime_seconds=round(uptime, 3),
            cpu_percent=sample.cpu_percent,
            cpu_seconds=sample.cpu_seconds,
            memory_bytes=sample.memory_bytes,
            connections=connections[record.port or 0],
            data_bytes=data_bytes,
        )

    def _sample(self, record: Record, uptime: float) -> Sample | None:
        user_id, identity = record.user_id, record.process
        at = self._services.clock.monotonic()
        try:
            sampler = self._samplers.get(user_id)
            if identity is None:
                raise ProcessLookupError
            if sampler is None or sampler.identity != identity:
                sampler = self._samplers[user_id] = ProcessSampler(
                    identity, since=at - uptime, parent=_may_be_parent(record)
                )
            return sampler.sample(at)
        except ProcessLookupError:
            self._samplers.pop(user_id, None)
            return None


def _uptime(record: Record, now: datetime) -> float:
    return 0.0 if record.started_at is None else (now - record.started_at).total_seconds()


def _may_be_parent(record: Record) -> bool:
    """Whether the process may be a Litestream, with PocketBase for a child."""
    return record.exe is None or "litestream" in record.exe
