"""run_all.py: how the house is closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.ports import is_free
from bus.states import Status
from tests.house.listener import path
from tests.house.manager import PROGRAM, RUN_ALL, Manager, manager_of
from tests.house.surroundings import PATIENCE, eventually

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_closes_everything(number: signal.Signals) -> None:
    """SIGINT and SIGTERM end instances, sockets and ports, and the exit status is 0."""
    with manager_of(misbehaving_children=True, launcher=PROGRAM) as manager:
        manager.start()
        running = [manager.api.run(user) for user in ("ann", "ben")]
        manager.api.init_pb("silent.1", wait=0)
        manager.api.init_pb("exits.1")
        manager.stop(number)

        for instance in running:
            assert not Path(f"/proc/{instance['pid']}").exists()
            assert is_free(instance["port"])
        assert "Traceback" not in manager.log.read_text()


def test_a_manager_without_users_closes() -> None:
    """It needs no instance to end well, and can be started again in the same place."""
    with manager_of(launcher=PROGRAM) as manager:
        for _ in range(2):
            manager.start()
            manager.stop()


def test_who_waits_for_a_start_is_told_that_the_manager_stops() -> None:
    """A caller that waits when the manager ends gets an answer that says so."""
    with manager_of(misbehaving_children=True) as manager:
        manager.start()
        waiting = manager.api.begin_init("silent.1")
        eventually(lambda: manager.children.launched("silent.1") == 1, "the start is under way")
        manager.stop()
        answer = waiting.result()

        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_instances_that_ignore_sigterm_are_killed_at_the_end() -> None:
    """The manager waits PB_STOP_TIMEOUT for a child, kills it and ends well."""
    with manager_of(misbehaving_children=True, stop_timeout=0.5) as manager:
        manager.start()
        pid = manager.api.run("deaf.1")["pid"]
        manager.stop()

        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_hurries(number: signal.Signals) -> None:
    """Told twice, the manager kills what does not stop, long before PB_STOP_TIMEOUT is over."""
    with manager_of(misbehaving_children=True, stop_timeout=300) as manager:
        manager.start()
        pid = manager.api.run("deaf.1")["pid"]
        with manager.listen() as listener:
            manager.send(number)
            listener.until_status(Status.STOPPING)
        manager.send(number)
        manager.await_end()

        assert not Path(f"/proc/{pid}").exists()


def test_a_signal_during_many_starts(closed_manager: Manager) -> None:
    """A manager that is told to end while users are starting and queued leaves none of them."""
    closed_manager.start()
    for number in range(12):
        closed_manager.api.init_pb(f"user{number}", wait=0)
    closed_manager.stop()


def test_a_manager_that_is_stopped_says_so_to_subscribers() -> None:
    """The last events, that the instances were stopped, still go out."""
    with manager_of() as manager:
        manager.start()
        manager.api.run("ann")
        with manager.listen() as listener:
            manager.send(signal.SIGTERM)
            heard = listener.until_status(Status.STOPPED)
        manager.await_end()

        assert path(heard) == ["Running", "Stopping", "Stopped"]
        assert heard[-1].instance.desired == "Running"


def test_ctrl_c_in_a_terminal_does_not_reach_the_instances(manager: Manager) -> None:
    """The manager's process group holds no instance: each ends only as the manager asks it to."""
    pid = manager.api.run("ann")["pid"]

    assert os.getpgid(pid) != os.getpgid(manager.pid)
    assert os.getsid(pid) != os.getsid(manager.pid)


def test_a_manager_that_cannot_print_still_ends(closed_manager: Manager) -> None:
    """A full disk behind its standard output does not make it deaf to signals."""
    with Path("/dev/full").open("wb") as full:
        child = subprocess.Popen(
            [sys.executable, str(RUN_ALL)],
            env=closed_manager.environ,
            cwd=closed_manager.root,
            stdout=full,
            stderr=subprocess.DEVNULL,
        )
    try:
        eventually(lambda: not is_free(closed_manager.settings.api_port), "it listens")
        assert closed_manager.api.call("GET", "/health/pb").status_code == 200
        child.terminate()
        assert child.wait(PATIENCE) == 0
    finally:
        child.kill()
        child.wait()
    closed_manager.check_nothing_left()
