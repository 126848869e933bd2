"""The five endpoints, from HTTP to the real PocketBase and back."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.house.caller import Caller
from tests.house.manager import Manager, running_manager

FIELDS = {
    "user_id", "port", "db_path", "url", "status", "created_at", "last_health_check",
    "desired", "reason", "pid", "started_at", "restarts",
}  # fmt: skip


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_init_pb_answers_with_a_running_pocketbase(manager: Manager) -> None:
    """``init_pb`` of a new user answers once PocketBase itself answers on the port it names."""
    answer = manager.api.init_pb("ann")
    body = answer.json()
    instance = body["instance"]

    assert (answer.status_code, body["success"]) == (200, True)
    assert instance.keys() >= FIELDS
    assert (instance["user_id"], instance["status"]) == ("ann", "Running")
    assert instance["url"] == f"http://127.0.0.1:{instance['port']}"
    health = Caller(instance["port"]).call("GET", "/api/health")
    assert (health.status_code, health.json()["code"]) == (200, 200)


def test_times_are_rfc_3339_in_utc(manager: Manager) -> None:
    """Every time in an instance can be read by anybody, and is one of the last minute."""
    instance = manager.api.run("ann")

    for field in ("created_at", "started_at", "last_health_check"):
        age = datetime.now(UTC) - datetime.fromisoformat(instance[field])
        assert 0 <= age.total_seconds() < 120


def test_a_second_init_pb_changes_nothing(manager: Manager) -> None:
    """``init_pb`` of a running instance answers with the same process."""
    first = manager.api.run("ann")

    assert manager.api.run("ann", force_restart=False)["pid"] == first["pid"]


def test_pb_status_tells_what_init_pb_told(manager: Manager) -> None:
    """``pb_status`` has the instance as it is, and what it takes of the machine beside it."""
    instance = manager.api.run("ann")
    answer = manager.api.call("GET", "/api/users/ann/pb_status").json()

    assert answer["user_id"] == "ann"
    beside = ("last_health_check", "usage", "last_backup", "last_proven_backup")
    changing = dict.fromkeys(beside)
    assert {**answer["instance"], **changing} == {**instance, **changing}


def test_a_user_without_an_instance_has_none(manager: Manager) -> None:
    """``pb_status`` of a stranger is no error, ``stop_pb`` of one is."""
    assert manager.api.find("stranger") is None

    answer = manager.api.stop_pb("stranger")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["message"].startswith("No PocketBase instance for user")
    assert manager.api.find("stranger") is None


def test_stop_pb_stops_and_may_be_repeated(manager: Manager) -> None:
    """``stop_pb`` ends the process, keeps the data, and is happy with what is stopped already."""
    running = manager.api.run("ben")
    first = manager.api.stop("ben")
    again = manager.api.stop("ben")

    assert not Path(f"/proc/{running['pid']}").exists()
    assert (first["port"], first["url"], first["pid"]) == (None, None, None)
    assert again["status"] == manager.api.instance("ben")["status"] == "Stopped"
    assert Path(first["db_path"], "data.db").stat().st_size > 0


def test_pb_instances_lists_who_there_is() -> None:
    """``pb_instances`` lists, filters and pages; ``/health/pb`` counts the same."""
    with running_manager() as manager:
        for user in ("a1", "b2", "c3"):
            manager.api.run(user)
        manager.api.stop("b2")
        everybody = manager.api.call("GET", "/api/pb_instances").json()
        page = manager.api.call("GET", "/api/pb_instances?limit=1&after=a1").json()
        health = manager.api.call("GET", "/health/pb").json()

        assert {name: one["status"] for name, one in everybody["instances"].items()} == {
            "a1": "Running",
            "b2": "Stopped",
            "c3": "Running",
        }
        assert (everybody["count"], everybody["total"], everybody["next"]) == (3, 3, None)
        assert set(manager.api.instances("?status=Running")) == {"a1", "c3"}
        assert (list(page["instances"]), page["count"], page["next"]) == (["b2"], 1, "b2")
        assert (health["status"], health["total_instances"], health["running_instances"]) == (
            "ok",
            3,
            2,
        )
        assert datetime.fromisoformat(health["timestamp"]).tzinfo is not None


def test_everything_on_disk_is_private(manager: Manager) -> None:
    """Directories are 0700 and files 0600, whatever the umask was when the manager was started."""
    data = Path(manager.api.run("ann")["db_path"])
    control = manager.settings.control_path

    assert data.parent == manager.settings.user_dbs_path
    assert {mode(path) for path in (data, data.parent, control, control / "run")} == {0o700}
    for path in data.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert mode(manager.layout.log("ann")) == 0o600
    assert mode(manager.layout.registry) == 0o600


def test_pocketbase_writes_to_the_users_own_log(manager: Manager) -> None:
    """What PocketBase writes is found in its user's log, with its own address."""
    instance = manager.api.run("ann")

    assert instance["url"] in manager.layout.log("ann").read_text()


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("POST", "/api/users/../init_pb", None, 400, "invalid_user_id"),
        ("POST", "/api/users/a%2Fb/init_pb", None, 400, "invalid_user_id"),
        ("POST", "/api/users/%2e%2e/init_pb", None, 400, "invalid_user_id"),
        ("POST", "/api/users//init_pb", None, 400, "invalid_user_id"),
        ("POST", "/api/users/a%00b/init_pb", None, 400, "invalid_user_id"),
        ("POST", "/api/users/%F0%9F%98%80/init_pb", None, 400, "invalid_user_id"),
        ("POST", f"/api/users/{'x' * 200}/init_pb", None, 400, "invalid_user_id"),
        ("GET", "/api/users/%ff/pb_status", None, 400, "invalid_user_id"),
        ("POST", "/api/users/ann/init_pb", b"{", 400, "invalid_request"),
        ("POST", "/api/users/ann/init_pb", b'{"force_restart": "yes"}', 400, "invalid_request"),
        ("POST", "/api/users/ann/init_pb?wait=soon", None, 400, "invalid_request"),
        ("GET", "/api/pb_instances?status=Happy", None, 400, "invalid_request"),
        ("GET", "/api/pb_instances?colour=red", None, 400, "invalid_request"),
        ("GET", "/api/nothing", None, 404, "not_found"),
        ("DELETE", "/api/users/ann/init_pb", None, 405, "invalid_request"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_json(
    manager: Manager, method: str, path: str, content: bytes | None, status: int, code: str
) -> None:
    """A bad id, body, query, route or method gets the specified error body, and makes nothing."""
    answer = manager.api.call(method, path, data=content)
    body = answer.json()

    assert (answer.status_code, body["code"], body["success"]) == (status, code, False)
    assert body["message"]
    assert body["instance"] is None


def test_a_token_is_asked_for_when_there_is_one() -> None:
    """With ``PB_API_TOKEN`` every call of the API needs it; ``/health/pb`` does not."""
    with running_manager(api_token="secret") as manager:
        port = manager.settings.api_port
        without = Caller(port).call("GET", "/api/pb_instances")
        wrong = Caller(port, "guess").call("GET", "/api/pb_instances")
        health = Caller(port).call("GET", "/health/pb")

        for refused in (without, wrong):
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert health.status_code == 200
        assert manager.api.instances() == {}
