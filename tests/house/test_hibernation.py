"""Hibernation: who is not used sleeps, whoever calls wakes it, and nobody notices."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bus.labels import label_of
from bus.states import Status
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE
from tests.ports import free_ports

ROUNDS = 5
"""How often each caller finds it asleep."""

REQUEST = b"POST /api/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager whose instances sleep after a second, however often it looks after them."""
    settings = {"idle_timeout": 1, "health_interval": 0.3, "wake_port": free_ports(1)}
    with running_manager(**settings) as running:
        yield running


def ask(manager: Manager, label: str, method: str = "GET", **more: str) -> requests.Response:
    """Ask as a door does."""
    url = f"http://127.0.0.1:{manager.settings.wake_port}/wake"
    return requests.request(method, url, params={"user": label, **more}, timeout=PATIENCE)


def put_to_sleep(manager: Manager, user: str) -> requests.Response:
    """Have it sleep now."""
    return manager.api.call("POST", f"/api/users/{user}/sleep")


def decide(manager: Manager, user: str, **policy: object) -> str:
    """Decide when the user's instance sleeps; return why it does not just now."""
    answer = manager.api.call("PUT", f"/api/users/{user}/sleep", json=policy)
    assert answer.status_code == 200, answer.text
    why: str = answer.json()["why"]
    return why


def test_it_falls_asleep_and_wakes(manager: Manager) -> None:
    """Only our own probes come by: it sleeps. A call wakes it, on its port, with its data."""
    with manager.listen("slee.py") as listener:
        awake = manager.api.run("slee.py")
        asleep = listener.until_status(Status.HIBERNATED)[-1]
        assert asleep.reason.startswith("Nobody used it for ")
    instance = manager.api.instance("slee.py")
    assert (instance["status"], instance["desired"]) == ("Hibernated", "Running")
    assert (instance["port"], instance["pid"]) == (None, None)

    answer = ask(manager, label_of("slee.py"), method="DELETE")
    assert (answer.status_code, answer.headers["X-PB-Port"]) == (200, str(awake["port"]))
    assert requests.get(f"{awake['url']}/api/health", timeout=PATIENCE).status_code == 200
    manager.api.stop("slee.py")


def test_an_open_connection_keeps_it_awake(manager: Manager) -> None:
    """A stream of events is no idleness; when it ends, the instance sleeps."""
    with manager.listen("streamer") as listener:
        instance = manager.api.run("streamer")
        listener.until_status(Status.RUNNING)
        with socket.create_connection(("127.0.0.1", instance["port"])) as stream:
            stream.sendall(b"GET /api/realtime HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in stream.recv(4096)
            refused = put_to_sleep(manager, "streamer")
            assert refused.status_code == 409
            assert "1 connections are open" in refused.json()["message"]
            listener.silence(1.5)
        listener.until_status(Status.HIBERNATED)


def test_a_hundred_callers_and_one_start(manager: Manager) -> None:
    """All are answered with the same port, and it is started once."""
    manager.api.run("crowd")
    decide(manager, "crowd", pinned=True)
    assert put_to_sleep(manager, "crowd").json()["instance"]["status"] == "Hibernated"
    with manager.listen("crowd") as listener, ThreadPoolExecutor(100) as callers:
        answers = list(callers.map(lambda _: ask(manager, "crowd"), range(100)))
        changes = listener.until_status(Status.RUNNING)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["X-PB-Port"] for answer in answers}) == 1
    assert [change.status for change in changes] == [Status.STARTING, Status.RUNNING]
    manager.api.stop("crowd")


@pytest.mark.parametrize("label", ["nobody", "", "a.b", "e-x", "h-x", "quitter"])
def test_who_is_not_to_run_is_not_woken(manager: Manager, label: str) -> None:
    """Unknown, misspelt and stopped are one to a stranger."""
    manager.api.run("quitter")
    manager.api.stop("quitter")
    answer = ask(manager, label)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (403, "max-age=2")
    assert "X-PB-Port" not in answer.headers


def test_a_door_that_limits_wakes_is_told_of_them(manager: Manager) -> None:
    """Who sleeps is woken, or left asleep, as the door says; who runs is no wake."""
    manager.api.run("limited")
    decide(manager, "limited", idle_timeout=60)
    running = ask(manager, "limited", asleep="leave")
    assert (running.status_code, "X-PB-Woken" in running.headers) == (200, False)
    assert put_to_sleep(manager, "limited").status_code == 200
    assert ask(manager, "limited", asleep="leave").status_code == 429
    assert manager.api.instance("limited")["status"] == "Hibernated"
    answers = [ask(manager, "limited", asleep="tell") for _ in range(2)]
    assert [answer.headers.get("X-PB-Woken") for answer in answers] == ["1", None]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_it_says_why_it_is_awake(manager: Manager) -> None:
    """Pinned, at a time of its own, or used: in words."""
    manager.api.run("owl")
    assert decide(manager, "owl", pinned=True) == "It is pinned"
    always = {"start": "00:00", "end": "00:00"}
    assert decide(manager, "owl", never=[always]) == (
        "It does not sleep every day 00:00 to 00:00 UTC"
    )
    assert "it sleeps after 600 s" in decide(manager, "owl", idle_timeout=600)
    bad = manager.api.call(
        "PUT", "/api/users/owl/sleep", json={"never": [{"start": "8", "end": ""}]}
    )
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_request")
    manager.api.stop("owl")


def test_nobody_is_lost_who_comes_just_then(manager: Manager) -> None:
    """Whoever was let in is answered; whoever was refused has it woken, and is answered too."""
    manager.api.run("busy")
    decide(manager, "busy", pinned=True)
    port = manager.api.instance("busy")["port"]
    done, wakes = threading.Event(), [0, 0, 0]

    def call(number: int) -> int:
        calls = 0
        while not done.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                assert ask(manager, "busy").headers["X-PB-Port"] == str(port)
                wakes[number] += 1
                continue
            with connection:
                connection.sendall(REQUEST)
                assert connection.recv(100).startswith(b"HTTP/1.1 404 ")
            calls += 1
            done.wait(random.uniform(0, 0.04))
        return calls

    with ThreadPoolExecutor(3) as pool:
        callers = [pool.submit(call, number) for number in range(3)]
        while min(wakes) < ROUNDS and not any(caller.done() for caller in callers):
            put_to_sleep(manager, "busy")
        done.set()
        assert all(caller.result() for caller in callers)
    manager.api.stop("busy")


def test_it_sleeps_on_when_the_manager_is_killed() -> None:
    """The next manager lets it sleep, and wakes it when it is called."""
    with running_manager(wake_port=free_ports(1)) as manager:
        port = manager.api.run("bear")["port"]
        put_to_sleep(manager, "bear")
        manager.kill()
        manager.start()
        assert manager.api.instance("bear")["status"] == "Hibernated"
        assert ask(manager, "bear").headers["X-PB-Port"] == str(port)


def test_events_tell_of_it(manager: Manager) -> None:
    """Falling asleep and waking are changes of status like any other."""
    with manager.listen("teller") as listener:
        manager.api.run("teller")
        listener.until_status(Status.HIBERNATED)
        ask(manager, "teller")
        woken = listener.until_status(Status.STARTING)[-1]
    assert (woken.old, woken.reason) == (Status.HIBERNATED, "It was woken")
