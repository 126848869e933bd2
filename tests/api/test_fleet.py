"""``/api/pb_instances`` and ``/health/pb``."""

from __future__ import annotations

import json

import msgspec
import pytest
from falcon.testing import TestClient

import api.fleet
from bus.answers import HealthAnswer, InstancesAnswer
from bus.errors import Unavailable
from bus.requests import GetHealth, ListInstances
from bus.states import Status
from tests.bus.parts import NOW, Script, instance

TWO = {user: instance(user) for user in ("alice", "bob")}
PAGE = InstancesAnswer(instances=TWO, total=3, next="bob")


def test_the_instances_are_listed(client: TestClient, script: Script) -> None:
    """The list has the instances by user, and counts what it shows."""
    script.lines[ListInstances] = PAGE
    answer = client.simulate_get("/api/pb_instances")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "instances": json.loads(msgspec.json.encode(TWO)),
        "count": 2,
        "total": 3,
        "next": "bob",
    }
    assert script.requests.get() == ListInstances()


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        ("status=Running", ListInstances(status=Status.RUNNING)),
        ("status=", ListInstances()),
        ("limit=1", ListInstances(limit=1)),
        ("limit=10000&after=bob", ListInstances(limit=10_000, after="bob")),
        ("after=a%2Bb", ListInstances(after="a+b")),
    ],
)
def test_the_query_is_passed_on(
    client: TestClient, script: Script, query: str, request_: ListInstances
) -> None:
    """Status, limit and cursor reach the manager."""
    script.lines[ListInstances] = PAGE
    assert client.simulate_get("/api/pb_instances", query_string=query).status_code == 200
    assert script.requests.get() == request_


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=Sleeping", "status='Sleeping': takes one of Starting, Running"),
        ("status=running", "status='running': takes one of"),
        ("limit=0", "limit='0': takes 1 to 10000"),
        ("limit=10001", "limit='10001': takes 1 to 10000"),
        ("limit=ten", "limit='ten': takes 1 to 10000"),
        ("limit=", "limit='': takes 1 to 10000"),
        ("limit=" + "9" * 5_000, "limit='999"),
        ("page=2", "Unknown query parameter 'page': this call takes after, fields, limit, status"),
        ("fields=port,size", "fields='port,size': 'size' is none; takes names out of user_id,"),
        ("fields=", "fields='': '' is none"),
        ("limit=1&limit=2", "Query parameter 'limit' is given more than once"),
    ],
    ids=lambda text: text[:30],
)
def test_a_bad_query_is_refused(client: TestClient, script: Script, query: str, words: str) -> None:
    """A query that cannot be meant is a 400 that says what it takes."""
    answer = client.simulate_get("/api/pb_instances", query_string=query)
    assert answer.status_code == 400
    assert answer.json["code"] == "invalid_request"
    assert answer.json["message"].startswith(words)
    assert script.requests.empty()


@pytest.mark.parametrize(
    ("query", "usage", "members"),
    [
        ("fields=status,port", False, {"status": "Running", "port": 9123}),
        ("fields=user_id", False, {"user_id": "alice"}),
        ("fields=reason,usage", True, {"reason": "asked by a test", "usage": None}),
    ],
)
def test_only_the_wanted_fields_are_listed(
    client: TestClient, script: Script, query: str, usage: bool, members: dict[str, object]
) -> None:
    """Each instance has what was asked for and nothing else; usage is not fetched in vain."""
    alice = msgspec.structs.replace(instance("alice"), usage=None)
    script.lines[ListInstances] = InstancesAnswer(instances={"alice": alice}, total=1, next=None)
    answer = client.simulate_get("/api/pb_instances", query_string=query)
    assert answer.json["instances"] == {"alice": members}
    assert script.requests.get() == ListInstances(usage=usage)


def test_health_has_its_numbers(client: TestClient, script: Script) -> None:
    """A manager that answers is ok, and says how many instances there are and run."""
    script.lines[GetHealth] = HealthAnswer(total_instances=3, running_instances=2, at=NOW)
    answer = client.simulate_get("/health/pb")
    assert answer.status_code == 200
    expected = {
        "status": "ok",
        "total_instances": 3,
        "running_instances": 2,
        "timestamp": "2024-01-15T10:30:00Z",
    }
    assert expected.items() <= answer.json.items()


def test_a_mind_that_is_silent_is_unavailable(
    client: TestClient, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manager whose actors do not answer in time is a 503 that says so."""
    script.lines[ListInstances] = PAGE
    assert client.simulate_get("/api/pb_instances").status_code == 200  # the line is up now
    monkeypatch.setattr(api.fleet, "HEALTH_TIMEOUT", 0.05)
    answer = client.simulate_get("/health/pb")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json == {
        "status": "unavailable",
        "message": "The manager did not answer within 0.05 s",
    }


def test_a_mind_that_refuses_is_unavailable(client: TestClient, script: Script) -> None:
    """A manager that is going down is a 503 as well."""
    script.lines[GetHealth] = Unavailable("The manager is stopping")
    answer = client.simulate_get("/health/pb")
    assert answer.status_code == 503
    assert answer.json["message"] == "The manager is stopping"
