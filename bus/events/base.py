"""What every event has."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of the events.

    ``epoch`` names one life of the event bus, ``seq`` counts the events in it from 1. What is not
    ``numbered`` carries the number of the last event before it, and is never told again.
    """

    numbered: ClassVar[bool] = True
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


class ManagerEvent(Event, frozen=True, kw_only=True):
    """An event about the manager or its machine."""

    reason: str

    @property
    def topic(self) -> str:
        """``manager.<event>``."""
        return f"manager.{self.__struct_config__.tag}"


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """The bus lives and ``seq`` is the number of its last event; it has no number itself."""

    numbered: ClassVar[bool] = False

    @property
    def topic(self) -> str:
        """``hub.heartbeat``."""
        return "hub.heartbeat"
