"""run_all.py: when the house cannot be opened it says why in one line, and leaves nothing."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from bus.states import Status
from tests.house.manager import Manager, manager_of, running_manager


def check_refused(manager: Manager, *parts: str) -> None:
    """See that the one line has all these parts and that nothing runs or listens."""
    line = manager.launch_refused()
    assert line.startswith("pblm: ")
    for part in parts:
        assert part in line
    manager.check_nothing_left()


@pytest.mark.parametrize(
    ("setting", "value", "variable"),
    [
        ("start_timeout", "soon", "PB_START_TIMEOUT"),
        ("command_endpoint", "tcp://192.0.2.1:5555", "PB_COMMAND_ENDPOINT"),
        ("api_host", "0.0.0.0", "PB_API_TOKEN"),
    ],
)
def test_a_bad_setting(setting: str, value: str, variable: str) -> None:
    """A bad value is named with its variable; so is an API that everybody could use."""
    with manager_of() as manager:
        manager.environ[f"PB_{setting.upper()}"] = value
        check_refused(manager, variable, value)

        assert not manager.settings.user_dbs_path.exists()


def test_the_binary_is_missing(closed_manager: Manager) -> None:
    """A launch without PocketBase says where it was looked for, and makes nothing."""
    missing = str(closed_manager.root / "nowhere" / "pocketbase")
    closed_manager.environ["PB_BINARY_PATH"] = missing
    check_refused(closed_manager, "PB_BINARY_PATH", missing)

    assert not closed_manager.settings.user_dbs_path.exists()


def test_the_binary_is_not_executable(closed_manager: Manager) -> None:
    """A file that cannot be executed is none that can be launched."""
    plain = closed_manager.root / "plain"
    plain.write_text("#!/bin/sh\n")
    plain.chmod(0o600)
    closed_manager.environ["PB_BINARY_PATH"] = str(plain)

    check_refused(closed_manager, "PB_BINARY_PATH", "not executable")


def test_the_directory_cannot_be_made(closed_manager: Manager) -> None:
    """A file where the users' databases should be stops the launch."""
    closed_manager.settings.user_dbs_path.write_text("in the way")

    check_refused(closed_manager, "IO error", str(closed_manager.settings.user_dbs_path))


def test_the_port_is_taken(closed_manager: Manager) -> None:
    """A port that somebody else has stops the launch; afterwards it works in the same place."""
    port = closed_manager.settings.api_port
    with socket.create_server(("127.0.0.1", port)):
        line = closed_manager.launch_refused()
    assert "PB_API_PORT" in line
    assert str(port) in line
    closed_manager.check_nothing_left()

    closed_manager.start()
    closed_manager.stop()


def test_another_manager_has_the_directory() -> None:
    """Two managers never share a directory, and the first does not notice that one tried."""
    with running_manager() as first, manager_of() as second:
        before = first.api.run("ann")
        second.environ["PB_USER_DBS_PATH"] = str(first.settings.user_dbs_path)
        line = second.launch_refused()

        assert line.startswith("pblm: PB_USER_DBS_PATH")
        assert str(first.pid) in line
        assert first.api.run("ann")["pid"] == before["pid"]
        with first.listen() as listener:
            assert set(listener.snapshot.instances) == {"ann"}


def test_two_managers_never_share_their_sockets() -> None:
    """A manager whose endpoint another one serves refuses to start; the other does not notice."""
    with running_manager() as first, manager_of() as second:
        second.environ["PB_COMMAND_ENDPOINT"] = first.settings.command_endpoint
        assert "PB_COMMAND_ENDPOINT" in second.launch_refused()
        with first.listen() as listener:
            first.api.run("ann")
            listener.until_status(Status.RUNNING)


def test_a_killed_manager_does_not_lock_the_next_one_out(closed_manager: Manager) -> None:
    """The lock and the sockets of a manager that was killed stand in nobody's way."""
    closed_manager.start()
    closed_manager.kill()
    closed_manager.start()
    closed_manager.stop(signal.SIGINT)


def test_it_serves_from_any_directory_with_relative_paths(closed_manager: Manager) -> None:
    """A relative PB_USER_DBS_PATH counts from where the manager was started."""
    closed_manager.environ["PB_USER_DBS_PATH"] = "./dbs"
    closed_manager.start()

    db_path = Path(closed_manager.api.run("ann")["db_path"])
    assert db_path == closed_manager.layout.data("ann")
    closed_manager.stop()
