"""``/api/users/{user_id}/...``."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from falcon.testing import Result, TestClient

import api.app
from bus.answers import HealthAnswer, InstanceAnswer
from bus.client import BusClient
from bus.errors import NotFound, StartTimeout
from bus.requests import GetHealth, GetInstance, InitInstance, StopInstance
from bus.settings import Settings
from bus.states import Status
from tests.api.conftest import HOST
from tests.bus.parts import NOW, PATIENCE, Script, instance

INIT, STATUS, STOP = (f"/api/users/alice/{call}" for call in ("init_pb", "pb_status", "stop_pb"))
RUNNING = InstanceAnswer(instance=instance())
STARTING = InstanceAnswer(instance=instance(status=Status.STARTING))
NOBODY = InstanceAnswer(instance=None)


def shown(status: Status = Status.RUNNING, user_id: str = "alice") -> Any:
    return json.loads(msgspec.json.encode(instance(user_id, status)))


def test_init_answers_once_it_runs(client: TestClient, script: Script) -> None:
    """A successful init_pb has the specified body."""
    script.lines[InitInstance] = RUNNING
    answer = client.simulate_post(INIT, json={"force_restart": False})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "success": True,
        "message": "PocketBase instance initialized on port 9123",
        "instance": shown(),
    }
    assert {"user_id", "port", "db_path", "url", "status", "created_at"} <= set(shown())
    assert shown()["last_health_check"] is None
    assert script.requests.get() == InitInstance(user_id="alice")


@pytest.mark.parametrize(
    ("body", "force"),
    [
        (b"", False),
        (b" \n", False),
        (b"{}", False),
        (b'{"force_restart": false}', False),
        (b'{"force_restart": true}', True),
    ],
)
def test_the_body_of_init_is_passed_on(
    client: TestClient, script: Script, body: bytes, force: bool
) -> None:
    """No body means the defaults, and no content type is needed."""
    script.lines[InitInstance] = RUNNING
    assert client.simulate_post(INIT, body=body).status_code == 200
    assert script.requests.get() == InitInstance(user_id="alice", force_restart=force)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "The body is not JSON"),
        (b"force_restart=true", "The body is not JSON"),
        (b"\xff\xfe", "The body is not JSON"),
        (b'{"force_restart": tru', "The body is not JSON"),
        (b"[" * 30_000, "The body does not fit"),
        (b"[]", "The body does not fit"),
        (b"null", "The body does not fit"),
        (b'"true"', "The body does not fit"),
        (b'{"force_restart": "true"}', "The body does not fit"),
        (b'{"force_restart": 1}', "The body does not fit"),
        (b'{"force_restart": null}', "The body does not fit"),
        (b'{"force": true}', "The body does not fit"),
        (b'{"force_restart": true, "colour": "red"}', "The body does not fit"),
        (b" " * 65_537, "The body is longer than 65536 bytes"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_bad_body_is_refused(client: TestClient, script: Script, body: bytes, words: str) -> None:
    """What is no JSON, of a wrong type or of an unknown field is a 400 that says so."""
    answer = client.simulate_post(INIT, body=body)
    assert answer.status_code == 400
    assert_error(answer, "invalid_request", words)
    assert script.requests.empty()


def assert_error(answer: Result, code: str, words: str) -> None:
    assert answer.headers["content-type"] == "application/json"
    body = answer.json
    assert list(body) == ["success", "code", "message", "instance"]
    assert (body["success"], body["code"], body["instance"]) == (False, code, None)
    assert body["message"].startswith(words)
    assert body["message"].isprintable()


def test_without_waiting_a_start_is_accepted(client: TestClient, script: Script) -> None:
    """``wait=0`` is answered with 202, the status so far, and where to look again."""
    script.lines[InitInstance] = STARTING
    answer = client.simulate_post(INIT, params={"wait": "0"})
    assert answer.status_code == 202
    assert answer.headers["location"] == "/api/users/alice/pb_status"
    assert answer.json["success"] is True
    assert answer.json["message"] == "PocketBase instance is Starting: asked by a test"
    assert answer.json["instance"] == shown(Status.STARTING)
    assert script.requests.get() == InitInstance(user_id="alice", wait=False)


def test_without_waiting_what_runs_is_said_to_run(client: TestClient, script: Script) -> None:
    """``wait=0`` for an instance that runs already is a 200."""
    script.lines[InitInstance] = RUNNING
    assert client.simulate_post(INIT, params={"wait": "0"}).status_code == 200


def test_a_wait_that_ran_out_is_no_failure(client: TestClient, script: Script) -> None:
    """A start that takes longer than the caller waits goes on, and is answered with 202."""
    script.lines[GetInstance] = STARTING
    answer = client.simulate_post(INIT, params={"wait": "0.05"})
    assert answer.status_code == 202
    assert answer.headers["location"] == "/api/users/alice/pb_status"
    assert answer.json["instance"]["status"] == "Starting"
    assert script.requests.get() == InitInstance(user_id="alice")
    assert script.requests.get() == GetInstance(user_id="alice")


def test_a_location_can_be_followed(client: TestClient, script: Script) -> None:
    """An id with special characters is escaped in the Location, and found by it."""
    strange = "a+b@c.d"
    script.lines[InitInstance] = InstanceAnswer(instance=instance(strange, Status.STARTING))
    script.lines[GetInstance] = script.lines[InitInstance]
    answer = client.simulate_post("/api/users/a+b@c.d/init_pb", params={"wait": "0"})
    assert client.simulate_get(answer.headers["location"]).json["user_id"] == strange


@pytest.mark.parametrize("wait", ["", "-1", "soon", "nan", "inf", "301", "1,2"])
def test_a_bad_wait_is_refused(client: TestClient, script: Script, wait: str) -> None:
    """What is no number of seconds within the limit is a 400."""
    answer = client.simulate_post(INIT, query_string=f"wait={wait}")
    assert answer.status_code == 400
    assert_error(answer, "invalid_request", f"wait={wait!r}: takes seconds from 0 to 300")


def test_only_so_many_calls_wait(
    bus: BusClient, settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all places to wait are taken, a further start is accepted without waiting."""
    monkeypatch.setattr(api.app, "MAX_WAITING", 1)
    client = TestClient(api.app.create_app(bus, settings), headers={"Host": HOST})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.simulate_post, INIT)
        request, reply = script.held.get(timeout=PATIENCE)
        second = pool.submit(client.simulate_post, INIT)
        other, accept = script.held.get(timeout=PATIENCE)
        accept(STARTING)
        assert second.result(PATIENCE).status_code == 202
        reply(RUNNING)
        assert first.result(PATIENCE).status_code == 200
    assert (request, other) == (
        InitInstance(user_id="alice"),
        InitInstance(user_id="alice", wait=False),
    )


def test_a_failed_start_shows_the_instance(client: TestClient, script: Script) -> None:
    """An error about an instance carries it."""
    failed = instance(status=Status.FAILED)
    script.lines[InitInstance] = StartTimeout(
        "PocketBase did not become healthy within 15 s", instance=failed
    )
    answer = client.simulate_post(INIT)
    assert answer.status_code == 504
    assert answer.json == {
        "success": False,
        "code": "start_timeout",
        "message": "PocketBase did not become healthy within 15 s",
        "instance": shown(Status.FAILED),
    }


def test_the_status_is_shown(client: TestClient, script: Script) -> None:
    """``pb_status`` has the user and the instance."""
    script.lines[GetInstance] = RUNNING
    answer = client.simulate_get(STATUS)
    assert answer.status_code == 200
    assert answer.json == {"user_id": "alice", "instance": shown()}


def test_a_user_without_an_instance_has_none(client: TestClient, script: Script) -> None:
    """``pb_status`` of a user who never had one is a 200 with null."""
    script.lines[GetInstance] = NOBODY
    answer = client.simulate_get(STATUS)
    assert answer.status_code == 200
    assert answer.json == {"user_id": "alice", "instance": None}


def test_stop_says_that_it_stopped(client: TestClient, script: Script) -> None:
    """``stop_pb`` has the specified message, and the instance besides."""
    script.lines[StopInstance] = InstanceAnswer(instance=instance(status=Status.STOPPED))
    answer = client.simulate_post(STOP)
    assert answer.status_code == 200
    assert answer.json == {
        "success": True,
        "message": "PocketBase instance stopped successfully",
        "instance": shown(Status.STOPPED),
    }


def test_nobody_cannot_be_stopped(client: TestClient, script: Script) -> None:
    """``stop_pb`` of an unknown user is a 404."""
    script.lines[StopInstance] = NotFound("No PocketBase instance for user alice")
    answer = client.simulate_post(STOP)
    assert answer.status_code == 404
    assert_error(answer, "not_found", "No PocketBase instance for user alice")


BAD_IDS = [
    "..",
    ".",
    "a/b",
    "../../etc/passwd",
    "a%2Fb",
    "%2e%2e%2f",
    "..%2F..%2Fetc",
    "",
    "/",
    "a" * 200,
    "a%00b",
    "%00",
    "a%0A",
    "%F0%9F%A6%8A",
    "%FF%FE",
    "a%20b",
    "-rf",
    "a%5Cb",
    "a;b",
    "a%3Fb",
    "a%252Fb",
]


@pytest.mark.parametrize("user_id", BAD_IDS)
@pytest.mark.parametrize(
    ("method", "call"), [("POST", "init_pb"), ("GET", "pb_status"), ("POST", "stop_pb")]
)
def test_a_bad_user_id_is_refused(
    client: TestClient, script: Script, method: str, call: str, user_id: str
) -> None:
    """Whatever cannot be a user id gets the specified error, and goes no further."""
    answer = client.simulate_request(method, f"/api/users/{user_id}/{call}")
    assert answer.status_code == 400
    assert_error(answer, "invalid_user_id", "Invalid user ID")
    assert script.requests.empty()


@pytest.mark.parametrize("path", [STATUS, STOP, INIT])
def test_an_unknown_query_is_refused(client: TestClient, script: Script, path: str) -> None:
    """A misspelt parameter is a 400 that names it, not silence."""
    method = "GET" if path == STATUS else "POST"
    answer = client.simulate_request(method, path, query_string="wiat=0")
    assert answer.status_code == 400
    assert_error(answer, "invalid_request", "Unknown query parameter 'wiat'")
    assert script.requests.empty()


def test_a_parameter_is_given_once(client: TestClient, script: Script) -> None:
    """Two different waits are a 400: none of them is guessed to be meant."""
    answer = client.simulate_post(INIT, query_string="wait=0&wait=1")
    assert answer.status_code == 400
    assert_error(answer, "invalid_request", "Query parameter 'wait' is given more than once")


def test_a_bus_that_is_down_is_unavailable(settings: Settings, script: Script) -> None:
    """When no answer comes, the caller learns what does not answer and when to come again."""
    with BusClient(settings.command_endpoint, timeout=0.05) as silent:
        client = TestClient(api.app.create_app(silent, settings), headers={"Host": HOST})
        connect(silent, script)
        for answer in (
            client.simulate_get(STATUS),
            client.simulate_post(INIT, params={"wait": "0"}),
            client.simulate_post(INIT, params={"wait": "0.05"}),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert_error(answer, "unavailable", "The manager did not answer within 0.05 s")


def connect(bus: BusClient, script: Script) -> None:
    """Have the bus's line up, however long that takes: it is not what a short wait is about."""
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    bus.ask(GetHealth(), HealthAnswer, timeout=PATIENCE)


def test_slow_starts_do_not_hold_up_a_status(client: TestClient, script: Script) -> None:
    """While starts wait, the status of another user is answered."""
    script.lines[GetInstance] = NOBODY
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(client.simulate_post, INIT) for _ in range(20)]
        held = [script.held.get(timeout=PATIENCE) for _ in calls]
        assert client.simulate_get("/api/users/bob/pb_status").status_code == 200
        for _, reply in held:
            reply(RUNNING)
        assert {call.result(PATIENCE).status_code for call in calls} == {200}
