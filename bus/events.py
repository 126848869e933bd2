"""What the manager tells everybody: past tense, immutable, numbered.

An event is made by the owner of the fact; the hub stamps ``epoch`` and ``seq`` when it publishes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from bus.instance import Instance
from bus.states import Status


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of the events.

    ``epoch`` names one life of the event bus, ``seq`` counts the events in it from 1.
    """

    v: Literal[1] = 1
    epoch: str = ""
    seq: int = 0
    at: datetime

    @property
    def topic(self) -> str:
        """The topic that it is published under."""
        raise NotImplementedError


class InstanceEvent(Event, frozen=True, kw_only=True):
    """An event about one user's instance."""

    user_id: str

    @property
    def topic(self) -> str:
        """``instance.<user_id>.<event>``."""
        return f"instance.{self.user_id}.{self.__struct_config__.tag}"


class StatusChanged(InstanceEvent, frozen=True, kw_only=True, tag="status_changed"):
    """An instance went from status ``old`` (null: it is new) to ``status``."""

    old: Status | None
    status: Status
    reason: str
    instance: Instance


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """The bus lives and ``seq`` is the number of its last event; it has no number itself."""

    @property
    def topic(self) -> str:
        """``hub.heartbeat``."""
        return "hub.heartbeat"


AnyEvent = StatusChanged | Heartbeat
