"""``GET /api/users/{id}/replica``."""

from __future__ import annotations

import json

import msgspec
from falcon.testing import TestClient

from bus.answers import ReplicaAnswer, ReplicaGeneration
from bus.errors import Conflict
from bus.requests import GetReplica
from tests.bus.parts import NOW, Script

ANSWER = ReplicaAnswer(
    user_id="alice",
    url="s3://bucket/pb_user_alice.db",
    generations=[ReplicaGeneration(name="e00000001-x", began_at=NOW)],
    written_at=NOW,
    files=1,
    files_copied_at=None,
    problem="no answer",
)


def test_the_answer_is_what_the_manager_says(client: TestClient, script: Script) -> None:
    """Every field of the answer is a member of the body."""
    script.lines[GetReplica] = ANSWER
    got = client.simulate_get("/api/users/alice/replica")
    written = json.loads(msgspec.json.encode(ANSWER))
    assert got.status_code == 200
    assert got.json == {name: written[name] for name in written if name not in ("v", "type")}
    assert script.requests.get() == GetReplica(user_id="alice")


def test_where_nothing_is_replicated_it_is_a_conflict(client: TestClient, script: Script) -> None:
    """The manager's refusal comes out as it is."""
    script.lines[GetReplica] = Conflict("Nothing is replicated")
    got = client.simulate_get("/api/users/alice/replica")
    assert (got.status_code, got.json["code"]) == (409, "conflict")
