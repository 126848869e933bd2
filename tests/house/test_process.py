"""How PocketBase is launched and ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.data.template import BOOTSTRAP
from bus.states import Status
from tests.house.listener import path
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import await_end, command_line, listening_addresses

STOP_TIMEOUT = 0.4
LOOPBACK = "0100007F"


@pytest.fixture(scope="module")
def impatient() -> Iterator[Manager]:
    """Return a manager that kills soon, whose users may misbehave."""
    with running_manager(misbehaving_children=True, stop_timeout=STOP_TIMEOUT) as running:
        yield running


def test_every_directory_is_named_absolutely(manager: Manager) -> None:
    """PocketBase is given directories of the manager's, with nothing in them but the bootstrap."""
    instance = manager.api.run("ann")
    words = command_line(instance["pid"])
    options = dict(word.split("=", 1) for word in words if "=" in word)

    assert words[1] == "serve"
    assert options["--dir"] == instance["db_path"]
    assert options["--http"] == f"127.0.0.1:{instance['port']}"
    for option in ("--migrationsDir", "--hooksDir", "--publicDir"):
        assert Path(options[option]).is_absolute()
        assert [path.name for path in Path(options[option]).iterdir()] in ([], [BOOTSTRAP])
    assert (options["--automigrate"], options["--hooksWatch"]) == ("0", "0")


def test_it_is_a_process_of_its_own(manager: Manager) -> None:
    """It leads its session, so no terminal's Ctrl-C reaches it, and reads from nowhere."""
    pid = manager.api.run("ann")["pid"]

    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
    log = str(manager.layout.log("ann"))
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (1, 2)} == {log}


def test_it_inherits_none_of_the_managers_secrets(manager: Manager) -> None:
    """Its environment holds no setting of the manager, and no path to find a browser on."""
    pid = manager.api.run("ann")["pid"]
    environ = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")

    assert not [word for word in environ if word.startswith("PB_")]
    assert "PATH=" in environ


def test_it_listens_on_loopback_only(manager: Manager) -> None:
    """Nobody reaches it from another machine."""
    assert listening_addresses(manager.api.run("ann")["port"]) == [LOOPBACK]
    assert listening_addresses(manager.settings.api_port) == [LOOPBACK]


def test_stop_is_sigterm_and_pocketbase_ends_cleanly(manager: Manager) -> None:
    """A healthy PocketBase ends by itself when asked, and folds its log into the database."""
    with manager.listen("ben") as listener:
        instance = manager.api.run("ben")
        manager.api.stop("ben")
        heard = listener.until_status(Status.STOPPED)

    assert path(heard) == ["None", "Starting", "Running", "Stopping", "Stopped"]
    assert "status 0" in heard[-1].reason
    assert not Path(instance["db_path"], "data.db-wal").exists()


def test_a_child_that_ignores_sigterm_is_killed_in_time(impatient: Manager) -> None:
    """``stop_pb`` waits PB_STOP_TIMEOUT for the process, and then kills it."""
    with impatient.listen("deaf.1") as listener:
        pid = impatient.api.run("deaf.1")["pid"]
        impatient.api.stop("deaf.1")
        heard = listener.until_status(Status.STOPPED)

    stopping, stopped = heard[-2:]
    assert (stopped.at - stopping.at).total_seconds() >= STOP_TIMEOUT
    assert "SIGKILL" in stopped.reason
    assert not Path(f"/proc/{pid}").exists()


def test_a_pocketbase_that_cannot_listen_to_signals_is_killed_in_time(impatient: Manager) -> None:
    """The real PocketBase, frozen, is ended all the same."""
    pid = impatient.api.run("frozen")["pid"]
    os.kill(pid, signal.SIGSTOP)

    assert impatient.api.stop("frozen")["status"] == "Stopped"
    await_end(pid)
