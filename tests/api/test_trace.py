"""The id of a call, and the line that is written about it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from falcon.testing import TestClient

from bus import trace
from bus.answers import HealthAnswer, InstanceAnswer
from bus.requests import GetHealth, GetInstance, StopInstance
from tests.bus.parts import NOW, PATIENCE, Script, instance

STATUS = "/api/users/alice/pb_status"
STOP = "/api/users/alice/stop_pb"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="api.requests")
    return caplog


def fields(lines: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the fields of the one line that was written."""
    (record,) = [each for each in lines.records if each.name == "api.requests"]
    found: dict[str, Any] = vars(record)["fields"]
    return found


def test_the_callers_id_comes_back(client: TestClient, script: Script) -> None:
    """Whoever names a call finds it by that name."""
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    answer = client.simulate_get(STATUS, headers={"X-Request-ID": "my-call/1"})
    assert answer.headers["x-request-id"] == "my-call/1"


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 65, "<b>"])
def test_a_call_without_a_sane_id_gets_one(
    client: TestClient, script: Script, given: str | None
) -> None:
    """Each call has its own; what could harm a log or a header is not taken over."""
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    headers = {} if given is None else {"X-Request-ID": given}
    made = [client.simulate_get(STATUS, headers=headers).headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(trace.is_sane(each) for each in made)


def test_one_line_tells_all_of_a_call(
    client: TestClient, script: Script, lines: pytest.LogCaptureFixture
) -> None:
    """What was asked, of whom, how it ended and how long it took."""
    script.lines[StopInstance] = InstanceAnswer(instance=instance())
    client.simulate_post(STOP)
    told = fields(lines)
    assert 0 < told.pop("duration_seconds") < 60
    assert told == {
        "method": "POST",
        "path": STOP,
        "route": "/api/users/{user_id}/stop_pb",
        "user_id": "alice",
        "status": 200,
        "remote": "127.0.0.1",
    }


@pytest.mark.parametrize(("path", "status"), [("/api/users/-/pb_status", 400), ("/nowhere", 404)])
def test_a_call_that_fails_has_its_line_and_its_id(
    client: TestClient, lines: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    """Also one that no route takes."""
    answer = client.simulate_get(path, headers={"X-Request-ID": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (status, "mine")
    assert fields(lines)["status"] == status


def test_programs_that_ask_all_the_time_fill_no_log(
    client: TestClient,
    script: Script,
    lines: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A read has a line only when it goes wrong."""
    monkeypatch.setattr("api.trace.SLOW", PATIENCE)
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    for path in ("/metrics", "/health/pb", STATUS):
        assert client.simulate_get(path).status_code == 200
    assert lines.records == []
    assert client.simulate_get("/health/pb?x=1").status_code == 400
    assert fields(lines)["status"] == 400


def test_a_read_that_takes_long_has_its_line(
    client: TestClient,
    script: Script,
    lines: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks for what is slow finds it in the log."""
    monkeypatch.setattr("api.trace.SLOW", 0)
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    client.simulate_get(STATUS)
    assert fields(lines)["path"] == STATUS


def test_a_thread_serves_nobody_after_a_call(client: TestClient, script: Script) -> None:
    """The id of one call is not written beside the lines of another."""
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    client.simulate_get(STATUS, headers={"X-Request-ID": "mine"})
    assert trace.request_id() == ""
