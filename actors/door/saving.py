"""What sleep saves, and the door as it is read for Prometheus."""

from __future__ import annotations

from actors.door.book import DoorBook
from actors.services import Services
from bus.metrics import DoorReading
from bus.states import Status


def memory_saved(services: Services, asleep: int) -> int | None:
    """Return the bytes that those who sleep would take if they were like those who run.

    None: nobody runs of whom it is known.
    """
    usages = (
        services.usage.latest(each.user_id) for each in services.store.records(Status.RUNNING)
    )
    sizes = [usage.memory_bytes for usage in usages if usage and usage.memory_bytes]
    return round(asleep * sum(sizes) / len(sizes)) if sizes else None


def read_door(services: Services, book: DoorBook) -> DoorReading:
    """Return the door as it is now."""
    counted = book.counted()
    asleep = services.store.total(Status.HIBERNATED)
    return DoorReading(
        requests=0 if counted is None else counted.requests,
        errors=0 if counted is None else counted.errors,
        failures=0 if counted is None else counted.failures,
        waited=0 if counted is None else counted.waited,
        answers=() if counted is None else counted.answers,
        asleep_seconds=book.all().asleep_seconds,
        memory_saved_bytes=memory_saved(services, asleep) or 0,
        users=book.uses(),
    )
