"""Capabilities: what the house can do beside the life of the instances.

Each is an actor in a room of its own. It owns the types of request that it serves, may hear every
event, and asks for what it needs as anybody on the bus would (:attr:`Services.ask`), so it never
reaches into the actors of the instances.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pykka

from bus.events import Event
from bus.requests import Request

log = logging.getLogger(__name__)


def _nothing(event: Event) -> None:
    """Hear nothing."""


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """One capability, as it is known to the house."""

    owner: pykka.ActorRef[Any]
    """Is told :class:`actors.facts.Asked` for each of its requests; it never waits."""
    requests: tuple[type[Request], ...]
    hear: Callable[[Event], None] = _nothing
    """Is called with every event, on the thread of whoever publishes it: must not block."""
    close: Callable[[], None]
    """Ends the actor and whatever it owns; it is called while the instances' actors still live."""


def end(actor: pykka.ActorRef[Any]) -> None:
    """Stop the actor of a capability, and return when it has ended."""
    actor.stop()


class Capabilities:
    """All capabilities of one manager."""

    def __init__(self) -> None:
        self._owners: dict[type[Request], pykka.ActorRef[Any]] = {}
        self._listeners: list[Callable[[Event], None]] = []

    def add(self, capability: Capability) -> None:
        """Have its requests go to it, and have it hear what happens."""
        for request in capability.requests:
            if request in self._owners:
                raise AssertionError(f"{request.__name__} has two owners")
            self._owners[request] = capability.owner
        self._listeners.append(capability.hear)

    def owner(self, request: Request) -> pykka.ActorRef[Any] | None:
        """Return the actor that serves such a request; None: the supervisor does."""
        return self._owners.get(type(request))

    def owners(self) -> list[pykka.ActorRef[Any]]:
        """Return the actors that serve requests."""
        return list(dict.fromkeys(self._owners.values()))

    def hear(self, event: Event) -> None:
        """Let everyone hear of ``event``. The bug of one is not the others' business."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a capability failed at %s", event.topic)
