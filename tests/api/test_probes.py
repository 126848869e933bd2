"""``/livez`` and ``/readyz``."""

from __future__ import annotations

import msgspec
from falcon.testing import TestClient

from bus.answers import HealthAnswer
from bus.errors import Unavailable
from bus.requests import GetHealth
from tests.bus.parts import NOW, Script

WELL = HealthAnswer(total_instances=3, running_instances=2, at=NOW)


def test_it_is_alive_whatever_else_is(client: TestClient, script: Script) -> None:
    """Liveness asks nobody."""
    script.lines[GetHealth] = Unavailable("The manager is stopping")
    answer = client.simulate_get("/livez")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_it_is_ready(client: TestClient, script: Script) -> None:
    """The actors answer over the bus, and the registry takes a write."""
    script.lines[GetHealth] = WELL
    answer = client.simulate_get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "reasons": []})
    assert script.requests.get() == GetHealth(write=True)


def test_the_actors_do_not_answer(client: TestClient, script: Script) -> None:
    """503 says why, and when to ask again."""
    script.lines[GetHealth] = Unavailable("The manager is stopping")
    answer = client.simulate_get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json == {"status": "unready", "reasons": ["actors: The manager is stopping"]}


def test_the_registry_cannot_be_written(client: TestClient, script: Script) -> None:
    """A manager that cannot keep what it is told is not ready."""
    script.lines[GetHealth] = msgspec.structs.replace(WELL, registry_problem="the disk is full")
    answer = client.simulate_get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "unready", "reasons": ["registry: the disk is full"]}


def test_it_takes_no_query(client: TestClient) -> None:
    """A misspelling never goes unnoticed."""
    assert client.simulate_get("/readyz?verbose=1").status_code == 400
