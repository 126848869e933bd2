"""``pblm`` as a person sees it: what goes on by itself, colours, progress, completion."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest

from tests.house.manager import Manager, running_manager
from tests.house.shell import LINES, Shell
from tests.house.surroundings import PATIENCE


@pytest.fixture(scope="module")
def pblm(manager: Manager) -> Shell:
    """Return who types commands."""
    return Shell(manager)


def test_events_are_followed(manager: Manager, pblm: Shell) -> None:
    """First what happened before, then what happens, each event on a line; Ctrl-C ends it."""
    manager.api.run("ann")
    with pblm.begin("events", "--follow", "--json") as following:
        assert following.stdout is not None
        before = [json.loads(following.stdout.readline()) for _ in range(2)]
        assert [each["status"] for each in before] == ["Starting", "Running"]
        manager.api.stop("ann")
        after = [json.loads(following.stdout.readline()) for _ in range(2)]
        assert [each["status"] for each in after] == ["Stopping", "Stopped"]
        assert [each["seq"] for each in before + after] == [1, 2, 3, 4]
        following.send_signal(signal.SIGINT)
        assert following.wait(PATIENCE) == 130


def test_following_survives_the_manager() -> None:
    """When the manager is started again, it says so and goes on."""
    with running_manager() as manager, Shell(manager).begin("events", "-f") as following:
        assert following.stdout is not None
        manager.api.run("ann")
        assert "ann  new -> Starting" in following.stdout.readline()
        manager.stop()
        manager.start()
        lines = iter(following.stdout.readline, "")
        assert any("the manager was started again" in line for line in lines)


def test_top_fills_the_terminal_and_leaves_it_as_it_was(manager: Manager, pblm: Shell) -> None:
    """It shows the fleet, as many rows as fit, on the other screen."""
    for number in range(LINES):
        manager.api.call("POST", f"/api/users/top{number:02}/init_pb?wait=0")
    manager.api.run("top00")
    ended = pblm.in_terminal("top", "--count", "2", "--delay", "0.1", "--sort", "user")
    assert ended.status == 0
    assert ended.out.endswith("\x1b[?25h\x1b[?1049l")  # the cursor is back, and the former screen
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", ended.out)
    assert "top00" in shown
    assert "more below" in shown
    assert f"top{LINES - 1}" not in shown


def test_top_without_a_terminal_is_one_look(pblm: Shell, manager: Manager) -> None:
    """A script gets the numbers; a pipe gets every row, and no control codes."""
    manager.api.run("ann")
    looks = pblm("top", "--json", "--count", "2", "--delay", "0.1").lines
    assert [look["instances"]["ann"]["status"] for look in looks] == ["Running", "Running"]
    assert looks[0]["fleet"]["manager"]["pid"] == manager.pid
    piped = pblm("top")
    assert "\x1b" not in piped.out
    assert re.search(r"^ann +Running", piped.out, re.MULTILINE)


def test_colours_are_for_terminals_and_can_be_refused(manager: Manager, pblm: Shell) -> None:
    """Running is green on a terminal, unless NO_COLOR is set."""
    manager.api.run("ann")
    assert "\x1b[32mRunning" in pblm.in_terminal("ls").out
    assert "\x1b[3" not in pblm.in_terminal("ls", NO_COLOR="1").out
    assert "\x1b" not in pblm("ls").out


def test_many_starts_show_progress(pblm: Shell) -> None:
    """A person sees how far it is; each user gets a line in the end."""
    ended = pblm.in_terminal("start", "ben", "bob", "bea")
    assert ended.status == 0
    assert "3/3" in ended.out
    assert len(re.findall(r"^b\w\w  .*Running", ended.out, re.MULTILINE)) == 3


def test_the_shell_completes_users(manager: Manager, pblm: Shell) -> None:
    """What the manager knows is offered."""
    manager.api.run("zoe")
    asked = {"_PBLM_COMPLETE": "bash_complete", "COMP_WORDS": "pblm status z", "COMP_CWORD": "2"}
    assert pblm.in_terminal(**asked).out.split() == ["plain,zoe"]
    assert "_PBLM_COMPLETE=bash_complete" in pblm("completion", "bash").out


def test_little_is_loaded_for_a_look(pblm: Shell, manager: Manager) -> None:
    """`pblm ls` starts fast: it needs neither the actors nor the HTTP server, nor rich."""
    script = "import sys, pblm; pblm.main(['ls']); print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=manager.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    loaded = {name.partition(".")[0] for name in ended.stdout.splitlines()[-1].split()}
    assert {"bus", "click", "zmq"} <= loaded
    assert loaded.isdisjoint({"actors", "falcon", "waitress", "pykka", "rich", "asyncio"})


def test_the_log_is_shown_and_followed(manager: Manager, pblm: Shell) -> None:
    """What PocketBase wrote, and what it goes on to write, from one start to the next."""
    manager.api.run("lea")
    assert f"Server started at {manager.api.instance('lea')['url']}" in pblm("logs", "lea").out
    with pblm.begin("logs", "lea", "-f", "--json") as following:
        assert following.stdout is not None
        written = (json.loads(line)["line"] for line in iter(following.stdout.readline, ""))
        assert any("Server started" in line for line in written)
        manager.api.run("lea", force_restart=True)
        assert any("Server started" in line for line in written)
    assert pblm("logs", "nobody").status == 4
