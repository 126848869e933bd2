"""``/metrics``, and how calls are counted there."""

from __future__ import annotations

from pathlib import Path

import pytest
from falcon.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from bus.answers import InstanceAnswer
from bus.client import BusClient
from bus.errors import NotFound
from bus.metrics import Metrics
from bus.requests import GetInstance, StopInstance
from bus.settings import Settings
from tests.api.conftest import HOST, TOKEN
from tests.bus.parts import Script
from tests.bus.readings import value

STATUS = "/api/users/{user_id}/pb_status"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(bus: BusClient, settings: Settings, metrics: Metrics) -> TestClient:
    return TestClient(create_app(bus, settings, metrics), headers={"Host": HOST})


def calls(metrics: Metrics, code: int, route: str, method: str = "GET") -> float:
    labels = {"method": method, "route": route, "code": str(code)}
    return value(metrics, "pblm_http_requests_total", **labels)


def test_calls_are_counted_by_route_and_code(
    client: TestClient, script: Script, metrics: Metrics
) -> None:
    """Two users' calls are one series; success and failure are two."""
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    script.lines[StopInstance] = NotFound("nobody")
    for user in ("alice", "bob"):
        client.simulate_get(f"/api/users/{user}/pb_status")
    client.simulate_get("/api/users/-/pb_status")
    client.simulate_post("/api/users/alice/stop_pb")
    assert (calls(metrics, 200, STATUS), calls(metrics, 400, STATUS)) == (2, 1)
    assert calls(metrics, 404, "/api/users/{user_id}/stop_pb", "POST") == 1
    name = "pblm_http_request_duration_seconds_count"
    assert value(metrics, name, method="GET", route=STATUS) == 3


def test_what_is_asked_for_at_random_makes_no_series(client: TestClient, metrics: Metrics) -> None:
    """Unknown paths and methods are counted, under one name each."""
    for path in ("/nothing", "/nowhere", "/api/users/a/b/pb_status", "/api/users/alice/nothing"):
        client.simulate_get(path)
    client.simulate_request("TRACE", "/nowhere")
    assert calls(metrics, 404, "unmatched") + calls(metrics, 400, "unmatched") == 4
    samples = {
        (sample.labels["method"], sample.labels["route"])
        for family in text_string_to_metric_families(metrics.exposition("")[0].decode())
        if family.name == "pblm_http_requests"
        for sample in family.samples
    }
    assert {method for method, _ in samples} <= {"GET", "POST", "PUT", "DELETE", "other"}
    assert not {route for _, route in samples} & {"/nowhere", "/api/users/alice/nothing"}


def test_it_is_what_prometheus_reads(client: TestClient) -> None:
    """The official parser understands the answer."""
    answer = client.simulate_get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"pblm_starts", "pblm_http_requests", "process_cpu_seconds"} <= names


def test_a_query_is_refused(client: TestClient) -> None:
    """As everywhere: a misspelling never goes unnoticed."""
    assert client.simulate_get("/metrics?name=x").status_code == 400


def test_with_a_token_it_takes_the_token(bus: BusClient, short_dir: Path, metrics: Metrics) -> None:
    """User ids are in it: who may not call the API may not read it either."""
    settings = Settings(user_dbs_path=short_dir, api_token=TOKEN)
    client = TestClient(create_app(bus, settings, metrics))
    assert client.simulate_get("/metrics").status_code == 401
    token = TOKEN.encode().decode("latin-1")
    assert (
        client.simulate_get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code
        == 200
    )
    assert calls(metrics, 401, "unmatched") == 1  # refused before it was looked where it goes
