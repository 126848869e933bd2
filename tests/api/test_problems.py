"""Errors as HTTP."""

from __future__ import annotations

from typing import Any

import falcon
import pytest
from falcon.testing import TestClient

from api.problems import http_status
from bus import errors
from bus.errors import PblmError
from bus.requests import InitInstance
from tests.bus.parts import Script

STATUS = "/api/users/alice/pb_status"
INIT = "/api/users/alice/init_pb"
TABLE = {
    errors.InvalidUserId: 400,
    errors.InvalidRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooManyStarts: 429,
    errors.InvalidBackup: 422,
    errors.BackupError: 500,
    errors.StartError: 500,
    errors.ProcessError: 500,
    errors.InstanceIOError: 500,
    errors.InternalError: 500,
    errors.SettingsError: 500,
    errors.PblmError: 500,
    errors.NoPorts: 503,
    errors.Unavailable: 503,
    errors.BusTimeout: 503,
    errors.StartTimeout: 504,
}


def tree(root: type[PblmError]) -> set[type[PblmError]]:
    return {root}.union(*map(tree, root.__subclasses__())) if root.__subclasses__() else {root}


def test_the_table_is_whole() -> None:
    """Every class of error has its HTTP status here."""
    assert {cls for cls in tree(PblmError) if cls.__module__ == "bus.errors"} == set(TABLE)


@pytest.mark.parametrize(("cls", "status"), TABLE.items())
def test_every_error_has_its_http_status(
    client: TestClient, script: Script, cls: type[PblmError], status: int
) -> None:
    """An error that the manager answers becomes its status, code and message."""
    script.lines[InitInstance] = cls("what went wrong")
    answer = client.simulate_post(INIT)
    assert http_status(cls("what went wrong")) == answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "success": False,
        "code": cls.code,
        "message": "what went wrong",
        "instance": None,
    }
    assert "retry-after" not in answer.headers


def test_when_to_come_again_is_said(client: TestClient, script: Script) -> None:
    """A time to retry becomes a Retry-After in whole seconds, rounded up."""
    script.lines[InitInstance] = errors.TooManyStarts(
        "Too many instances are starting", retry_after=1.2
    )
    answer = client.simulate_post(INIT)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/favicon.ico"),
        ("GET", "/api"),
        ("GET", "/api/users"),
        ("GET", "/api/users/"),
        ("GET", "/api/users/alice"),
        ("GET", "/api/users/alice/pb_status/"),
        ("POST", "/api/users/alice/drop_pb"),
        ("GET", "/API/pb_instances"),
        ("GET", "/health"),
        ("GET", "/health/pb/"),
        ("DELETE", "/nothing%00here"),
        ("GET", "/%F0%9F%A6%8A"),
    ],
)
def test_an_unknown_route_is_a_404_in_json(
    client: TestClient, script: Script, method: str, path: str
) -> None:
    """What is not there is said in the specified shape."""
    answer = client.simulate_request(method, path)
    assert answer.status_code == 404
    assert answer.json["success"] is False
    assert answer.json["code"] == "not_found"
    assert answer.json["message"].startswith(f"No such route: {method} /")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", INIT, "POST"),
        ("POST", STATUS, "GET"),
        ("DELETE", STATUS, "GET"),
        ("PUT", "/api/users/alice/stop_pb", "POST"),
        ("POST", "/api/pb_instances", "GET"),
        ("HEAD", "/health/pb", "GET"),
        ("PATCH", "/health/pb", "GET"),
    ],
)
def test_a_wrong_method_is_a_405_in_json(
    client: TestClient, script: Script, method: str, path: str, allowed: str
) -> None:
    """A method that a route does not take is refused with those that it takes."""
    answer = client.simulate_request(method, path)
    assert answer.status_code == 405
    assert allowed in answer.headers["allow"]
    assert answer.headers["content-type"] == "application/json"
    if method != "HEAD":
        assert answer.json["success"] is False
        assert answer.json["code"] == "invalid_request"
        assert f"{method} is not allowed here; allowed: {allowed}" in answer.json["message"]


def test_a_bug_is_a_500_without_its_trace(
    app: Any, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that nobody foresaw shows its trace to the log and not to the caller."""

    class Broken:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            raise ZeroDivisionError("the secret")

    app.add_route("/api/broken", Broken())
    answer = client.simulate_get("/api/broken")
    assert answer.status_code == 500
    assert answer.json == {
        "success": False,
        "code": "internal_error",
        "message": "The request failed by a bug; the manager's log has the details",
        "instance": None,
    }
    assert "secret" not in answer.text
    assert "the secret" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [falcon.HTTPContentTooLarge(), falcon.HTTPUnsupportedMediaType()])
def test_falcons_other_errors_have_our_shape(
    app: Any, client: TestClient, error: falcon.HTTPError
) -> None:
    """Whatever Falcon refuses by itself is told in the specified shape, with its own status."""

    class Picky:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            raise error

    app.add_route("/picky", Picky())
    answer = client.simulate_get("/picky")
    assert answer.status_code == error.status_code
    assert answer.json["success"] is False
    assert answer.json["code"] == "invalid_request"
    assert answer.json["message"]
