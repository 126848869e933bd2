"""Whether the manager can serve calls: asked by probes over HTTP and by ``pblm ready``."""

from __future__ import annotations

from bus.answers import HealthAnswer
from bus.client import BusClient
from bus.errors import PblmError
from bus.requests import GetHealth

READY_TIMEOUT = 2.0
"""How long the actor system may take to say that it is there, in seconds."""


def what_hinders(bus: BusClient) -> list[str]:
    """Return why calls could not be served now: nothing, mostly.

    Asked over the bus and answered by the supervisor, so bus and actors are up when this says so.
    """
    try:
        health = bus.ask(GetHealth(write=True), HealthAnswer, timeout=READY_TIMEOUT)
    except PblmError as error:
        return [f"actors: {error.message}"]
    return [] if health.registry_problem is None else [f"registry: {health.registry_problem}"]
