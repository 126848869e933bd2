"""The doors before real instances, running, asleep, and while something restarts."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
import requests

from bus.labels import label_of
from bus.states import Status
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE, await_end, eventually
from tests.ports import free_ports


@pytest.fixture(scope="module", params=["haproxy", "builtin"])
def manager(request: pytest.FixtureRequest) -> Iterator[Manager]:
    """Return a manager with a door, whose instances sleep when they are told to."""
    with running_manager(door=request.param, door_port=free_ports(1), idle_timeout=600) as running:
        eventually(lambda: is_open(running), "the door is open")
        yield running


def is_open(manager: Manager) -> bool:
    """Whether somebody listens at the door."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", manager.settings.door_port)) == 0


def call(
    manager: Manager, user: str, path: str = "/api/health", method: str = "GET", **content: object
) -> requests.Response:
    """Call a user's instance through the door."""
    headers = {"Host": f"{label_of(user)}.localhost"} | dict(content.pop("headers", {}))  # type: ignore[call-overload]
    url = f"http://127.0.0.1:{manager.settings.door_port}{path}"
    return requests.request(method, url, headers=headers, timeout=PATIENCE, **content)  # type: ignore[arg-type]


def door_pid(manager: Manager) -> int:
    """Return the door's process, as it is remembered for the next manager."""
    remembered = Path(manager.settings.door_path / "door.json").read_bytes()
    return int(msgspec.json.decode(remembered)["pid"])


def put_to_sleep(manager: Manager, user: str) -> requests.Response:
    """Have it sleep now."""
    return manager.api.call("POST", f"/api/users/{user}/sleep")


def test_each_host_is_one_user(manager: Manager) -> None:
    """Each user's name leads to that user's database, also one that is no host name."""
    for user in ("ann", "B.ob"):
        manager.api.run(user)
    for user in ("ann", "B.ob"):
        assert call(manager, user).status_code == 200
        assert call(manager, user, "/_/").status_code == 200
    manager.api.stop("B.ob")
    answer = call(manager, "B.ob")
    assert (answer.status_code, answer.json()["message"]) == (404, "There is no such instance.")
    assert call(manager, "nobody").content == answer.content


def test_a_sleeper_is_woken_by_a_hundred_requests_at_once(manager: Manager) -> None:
    """All are answered, and it is started once."""
    manager.api.run("crowd")
    assert call(manager, "crowd").status_code == 200
    eventually(lambda: put_to_sleep(manager, "crowd").status_code == 200, "the door lets go")
    with manager.listen("crowd") as listener, ThreadPoolExecutor(100) as callers:
        answers = list(callers.map(lambda _: call(manager, "crowd"), range(100)))
        changes = listener.until_status(Status.RUNNING)
    assert {answer.status_code for answer in answers} == {200}
    assert [change.status for change in changes] == [Status.STARTING, Status.RUNNING]


def test_who_is_inside_keeps_it_awake(manager: Manager) -> None:
    """An event stream through the door is a request under way; events come at once."""
    manager.api.run("stream")
    with socket.create_connection(("127.0.0.1", manager.settings.door_port)) as caller:
        caller.sendall(b"GET /api/realtime HTTP/1.1\r\nHost: stream.localhost\r\n\r\n")
        caller.settimeout(PATIENCE)
        said = b""
        while b"PB_CONNECT" not in said:
            said += caller.recv(4096)
        refused = put_to_sleep(manager, "stream")
        assert (refused.status_code, "The instance stays awake: 1 " in refused.text) == (409, True)
        why = manager.api.call("GET", "/api/users/stream/sleep").json()
        assert why["status"] == "Running"
    assert call(manager, "stream").status_code == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="it has no more than its own rights anyway")
def test_the_door_is_not_root(manager: Manager) -> None:
    """What strangers speak to has no rights of root's."""
    if manager.settings.door == "builtin":
        pytest.skip("no stranger reaches it")
    status = Path(f"/proc/{door_pid(manager)}/status").read_text()
    (uids,) = [line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")]
    assert "0" not in uids


def test_what_passes_is_counted(manager: Manager) -> None:
    """Requests, wakes and sleep are told of the user and of all; HAProxy alone counts requests."""
    manager.api.run("counted")
    eventually(lambda: put_to_sleep(manager, "counted").status_code == 200, "the door lets go")
    assert call(manager, "counted").status_code == 200
    assert call(manager, "counted", "/api/nothing").status_code == 404
    for _ in range(20):  # the first of them may still come before the door knows the way
        assert call(manager, "counted").status_code == 200
    eventually(lambda: put_to_sleep(manager, "counted").status_code == 200, "the door lets go")
    use = manager.api.call("GET", "/api/users/counted/door").json()["use"]
    assert (use["wakes"], use["asleep_seconds"] >= 0) == (1, True)
    assert 0 < use["wake_p50"] == use["wake_p99"]
    fleet = manager.api.call("GET", "/api/door").json()
    assert (fleet["door"], fleet["asleep"] > 0) == (manager.settings.door, True)
    assert fleet["users"]["counted"]["wakes"] == 1
    if manager.settings.door == "haproxy":
        assert (use["requests"], use["errors"], use["failures"]) == (22, 1, 0)
        assert 0.1 < use["hit_rate"] < 1
        assert 0 < use["latency_p50"] <= use["latency_p99"]
    assert manager.api.call("GET", "/api/users/nobody/door").status_code == 404
    assert "pblm_wake_duration_seconds_count 0.0" not in manager.api.call("GET", "/metrics").text


def test_superusers_do_not_sign_in(manager: Manager) -> None:
    """However the path is written."""
    manager.api.run("ann")
    for path in ("/api/collections/_superusers/", "//api/collections/%5FSuperUsers/"):
        answer = call(manager, "ann", f"{path}auth-with-password", "POST", json={})
        assert answer.status_code == 403


def test_nothing_fails_while_something_ends(manager: Manager) -> None:
    """An instance, the door and the manager are killed; whoever calls afterwards is answered."""
    pid = manager.api.run("ann")["pid"]
    manager.api.run("crowd")
    os.kill(pid, signal.SIGKILL)
    assert call(manager, "ann").status_code == 200
    door = door_pid(manager)
    os.kill(door, signal.SIGKILL)
    await_end(door)
    eventually(lambda: is_open(manager), "the door is open again")
    assert call(manager, "ann").status_code == 200

    eventually(lambda: put_to_sleep(manager, "crowd").status_code == 200, "the door lets go")
    door = door_pid(manager)
    manager.kill()
    assert call(manager, "ann").status_code == 200
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, manager, "crowd")
        manager.start()
        assert waiting.result().status_code == 200
    assert door_pid(manager) == door
    assert call(manager, "ann").status_code == 200
