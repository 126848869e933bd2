"""``pblm`` where a manager runs: what it says, and how it ends."""

from __future__ import annotations

import os
import signal

import pytest

from bus.states import Status
from tests.house.manager import Manager
from tests.house.shell import Shell


@pytest.fixture(scope="module")
def pblm(manager: Manager) -> Shell:
    """Return who types commands."""
    return Shell(manager)


def test_an_instance_is_started_listed_and_stopped(manager: Manager, pblm: Shell) -> None:
    """What HTTP does, the command line does too."""
    started = pblm("start", "ann")
    assert (started.status, started.err) == (0, "")
    assert manager.api.instance("ann")["url"] in started.out

    listed = pblm("ls")
    assert listed.out.splitlines()[0].split()[:3] == ["USER", "STATUS", "PORT"]
    assert "ann" in listed.out

    assert pblm("stop", "ann").status == 0
    assert manager.api.instance("ann")["status"] == "Stopped"


def test_json_is_that_of_the_http_api(manager: Manager, pblm: Shell) -> None:
    """A script gets the very instance objects that HTTP gives."""
    pblm("start", "ben", "bob")
    ours = {user: each for user, each in manager.api.instances().items() if user[0] == "b"}

    listed = pblm("ls", "--status", "running", "--json").json["instances"]
    assert listed["ben"].items() >= ours["ben"].items()
    assert listed["bob"].items() >= ours["bob"].items()
    assert pblm("status", "ben", "--json").json["instance"].items() >= ours["ben"].items()
    assert [line["success"] for line in pblm("stop", "ben", "bob", "--json").lines] == [True, True]


def test_status_tells_what_happened_and_why(manager: Manager, pblm: Shell) -> None:
    """Somebody kills the process: the status says so, and so do the events."""
    pid = manager.api.run("cat")["pid"]
    with manager.listen("cat") as listener:
        os.kill(pid, signal.SIGKILL)
        listener.until_status(Status.FAILED)
        listener.until_status(Status.RUNNING)

    told = pblm("status", "cat")
    assert told.status == 0
    assert "signal 9 (SIGKILL)" in told.out
    assert "Running -> Failed" in pblm("events", "cat").out
    last = pblm("events", "cat", "-n", "1", "--json").lines
    assert [(event["old"], event["status"]) for event in last] == [("Starting", "Running")]


def test_restart_gives_another_process(manager: Manager, pblm: Shell) -> None:
    """The old process is gone, the new one serves."""
    pid = manager.api.run("dan")["pid"]
    assert pblm("restart", "dan").status == 0
    assert manager.api.instance("dan")["pid"] != pid


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("status", "nobody"), 4, "No PocketBase instance for user nobody"),
        (("stop", "nobody"), 4, "No PocketBase instance for user nobody"),
        (("status", "a/b"), 2, "Invalid user ID"),
        (("start",), 2, "Name the users"),
        (("unheard-of",), 2, "No such command"),
        (("ls", "--status", "Asleep"), 2, "Invalid value"),
    ],
)
def test_what_goes_wrong_has_an_exit_status(
    pblm: Shell, words: tuple[str, ...], status: int, says: str
) -> None:
    """It says what is wrong on standard error, and nothing else."""
    ended = pblm(*words)
    assert (ended.status, ended.out) == (status, "")
    assert says in ended.err


def test_a_manager_is_ready(pblm: Shell) -> None:
    """A health check goes by the exit status."""
    ended = pblm("ready")
    assert (ended.status, ended.out) == (0, "ready\n")
    assert pblm("ready", "--json").json == {"status": "ready", "reasons": []}


def test_no_manager_runs(closed_manager: Manager) -> None:
    """It says at once where it looked, and how to start one."""
    ended = Shell(closed_manager)("ls")
    assert (ended.status, ended.out) == (3, "")
    assert closed_manager.settings.command_endpoint in ended.err
    assert "pblm serve" in ended.err


def test_a_manager_was_killed(closed_manager: Manager) -> None:
    """Its socket lies there still, and nobody listens: that is no manager either."""
    closed_manager.start()
    closed_manager.kill()
    assert Shell(closed_manager)("ls").status == 3
