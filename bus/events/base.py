"""What every event has."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where in another host's story an event stands, which was heard there and is told on here."""

    host: str
    epoch: str
    seq: int


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of the events.

    ``epoch`` names one life of the event bus, ``seq`` counts the events in it from 1. What is not
    ``numbered`` carries the number of the last event before it, and is never told again. In a
    cluster one bus tells what happens on all hosts, in its own numbers; ``origin`` is left out of
    what happened on the host that it is heard from.
    """

    numbered: ClassVar[bool] = True
    v: Literal[1] = 1
    epoch: str = ""
    seq: int = 0
    at: datetime
    host: str | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: the host on which it happened."""
    origin: Origin | msgspec.UnsetType = msgspec.UNSET

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
