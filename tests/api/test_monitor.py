"""``/api/fleet``, and ``usage`` and ``history`` of one user."""

from __future__ import annotations

import json

import msgspec
import pytest
from falcon.testing import TestClient

from bus.answers import Answer, FleetAnswer, HistoryAnswer, UsageAnswer
from bus.errors import NotFound
from bus.history import Transition
from bus.requests import GetFleet, GetHistory, GetUsage, Request
from bus.states import Status
from bus.usage import Machine, ManagerProcess, Usage, UsagePoint
from tests.bus.parts import NOW, Script

FLEET = FleetAnswer(
    at=NOW,
    statuses={Status.RUNNING: 2},
    wanted=2,
    starts_under_way=1,
    starts_waiting=0,
    cpu_percent=1.5,
    memory_bytes=14_000_000,
    connections=3,
    data_bytes=400_000,
    machine=Machine(
        cores=2, memory_bytes=8_000, memory_available_bytes=4_000, disk_free_bytes=1_000
    ),
    manager=ManagerProcess(
        pid=1, uptime_seconds=2.0, cpu_percent=0.1, memory_bytes=30, pocketbase_version="0.40.6"
    ),
)
USAGE = UsageAnswer(
    user_id="alice",
    interval=10.0,
    usage=Usage(sampled_at=NOW, cpu_seconds=1.0),
    points=[UsagePoint(at=NOW, cpu_percent=1.0, memory_bytes=7, connections=None)],
)
HISTORY = HistoryAnswer(
    user_id="alice",
    transitions=[
        Transition(at=NOW, run=1, status=Status.STARTING, reason="init_pb was called", failure=None)
    ],
)


@pytest.mark.parametrize(
    ("path", "request_", "answer"),
    [
        ("/api/fleet", GetFleet(), FLEET),
        ("/api/users/alice/usage", GetUsage(user_id="alice"), USAGE),
        ("/api/users/alice/history", GetHistory(user_id="alice"), HISTORY),
    ],
)
def test_the_answer_is_what_the_manager_says(
    client: TestClient, script: Script, path: str, request_: Request, answer: Answer
) -> None:
    """Every field of the answer is a member of the body."""
    script.lines[type(request_)] = answer
    got = client.simulate_get(path)
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    written = json.loads(msgspec.json.encode(answer))
    assert got.json == {name: written[name] for name in written if name not in ("v", "type")}
    assert script.requests.get() == request_


@pytest.mark.parametrize("call", ["usage", "history"])
def test_who_is_not_known_is_a_404(client: TestClient, script: Script, call: str) -> None:
    """The manager's refusal comes out as it is."""
    refusal = NotFound("No PocketBase instance for user zed")
    script.lines |= {GetUsage: refusal, GetHistory: refusal}
    answer = client.simulate_get(f"/api/users/zed/{call}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
