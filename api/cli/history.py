"""What happened lately: the events that the hub keeps."""

from __future__ import annotations

from bus.answers import EventsAnswer
from bus.client import BusClient
from bus.events import Event, InstanceEvent
from bus.requests import GetEvents

LOOK_BACK = 1_000
"""How many events are looked through for those of one user."""


def last_events(bus: BusClient, count: int, user_id: str | None = None) -> list[Event]:
    """Return the last ``count`` events; those of them that are about ``user_id``, if given."""
    head = bus.ask(GetEvents(epoch="", after=0), EventsAnswer)
    request = GetEvents(epoch=head.epoch, after=max(0, head.head - count))
    events = bus.ask(request, EventsAnswer).events
    return [each for each in events if user_id is None or is_about(each, user_id)]


def is_about(event: Event, user_id: str) -> bool:
    """Whether the event is about this user."""
    return isinstance(event, InstanceEvent) and event.user_id == user_id
