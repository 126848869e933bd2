"""The fleet as it is read for Prometheus: from memory, on the thread of whoever asks."""

from __future__ import annotations

import functools

from actors.disk import MIB, free_bytes
from actors.records import Record
from actors.services import Services
from bus.metrics import FleetReading, InstanceReading
from bus.states import Desired, Status

DISTRIBUTION = "pocketbase-lifecycle-manager"


def read_fleet(services: Services, mailboxes: dict[str, int]) -> FleetReading:
    """Return the fleet as it is now."""
    store = services.store
    records = store.records()
    under_way, waiting = services.queue.lengths()
    free = free_bytes(services.layout.root)
    return FleetReading(
        version=_version(),
        pocketbase_version=services.version or "",
        statuses={status: store.total(status) for status in Status},
        wanted=sum(record.desired is Desired.RUNNING for record in records),
        starts_under_way=under_way,
        starts_waiting=waiting,
        disk_free_bytes=free,
        disk_low=free < services.settings.disk_low_mib * MIB,
        mailboxes=mailboxes,
        instances=[_read_instance(services, record) for record in records],
    )


@functools.cache
def _version() -> str:
    from importlib import metadata  # what reads /metrics pays for it, not each launch

    return metadata.version(DISTRIBUTION)


def _read_instance(services: Services, record: Record) -> InstanceReading:
    return InstanceReading(
        user_id=record.user_id,
        status=record.status,
        cause=None if record.failure is None else record.failure.cause,
        restarts=record.restarts,
        started_at=None if record.started_at is None else record.started_at.timestamp(),
        usage=services.usage.latest(record.user_id),
    )
