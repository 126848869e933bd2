"""What systemd is told, on a socket like its own."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.systemd import Notifier, Watchdog, watchdog_seconds
from bus.answers import HealthAnswer
from bus.client import BusClient
from bus.errors import Unavailable
from bus.requests import GetHealth
from tests.bus.parts import NOW, PATIENCE, Script

WELL = HealthAnswer(total_instances=3, running_instances=2, at=NOW)


@pytest.fixture
def systemd(short_dir: Path) -> Iterator[socket.socket]:
    """Return the socket that systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(short_dir / "notify"))
        listening.settimeout(PATIENCE)
        yield listening


@pytest.fixture
def notifier(systemd: socket.socket) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": systemd.getsockname()})


def test_what_is_told_is_one_datagram(systemd: socket.socket, notifier: Notifier) -> None:
    """Each assignment is a line."""
    notifier.tell("READY=1", "STATUS=It serves")
    assert systemd.recv(4096) == b"READY=1\nSTATUS=It serves"


def test_an_abstract_socket_is_found() -> None:
    """systemd may name one, which begins with a zero byte, with an @."""
    name = f"pblm-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(PATIENCE)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).tell("READY=1")
        assert listening.recv(4096) == b"READY=1"


def test_without_systemd_nobody_is_told() -> None:
    """Started by hand, it is silent."""
    Notifier({}).tell("READY=1")


def test_a_systemd_that_cannot_be_told_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The manager serves all the same, and says so in its log."""
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")
    assert "systemd cannot be told READY=1: No such file or directory" in caplog.text.replace(
        "[Errno 2] ", ""
    )


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_or_nobodys(environ: dict[str, str], seconds: float | None) -> None:
    """It may be set for the process that started this one."""
    assert watchdog_seconds(environ) == seconds


def watchdog(notifier: Notifier, bus: BusClient, *, serves: bool = True) -> Watchdog:
    """Return one whose systemd is impatient, and wants to hear every 30 ms."""
    return Watchdog(notifier, bus, serves=lambda: serves, within=0.03)


def test_a_manager_that_is_well_says_so_again_and_again(
    systemd: socket.socket, notifier: Notifier, bus: BusClient, script: Script
) -> None:
    """Each time after a look over the bus."""
    script.lines[GetHealth] = WELL
    watching = watchdog(notifier, bus)
    watching.start()
    told = [systemd.recv(4096) for _ in range(3)]
    watching.close()
    assert told == [b"WATCHDOG=1\nSTATUS=2 of 3 instances run"] * 3
    assert script.requests.qsize() >= 3


def test_a_manager_whose_actors_do_not_answer_says_nothing(
    systemd: socket.socket,
    notifier: Notifier,
    bus: BusClient,
    script: Script,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The look fails, so systemd hears nothing until one succeeds."""
    script.lines[GetHealth] = Unavailable("The actor system does not answer")
    watching = watchdog(notifier, bus)
    watching.start()
    for _ in range(3):
        script.requests.get(timeout=PATIENCE)
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(4096)
    systemd.settimeout(PATIENCE)
    script.lines[GetHealth] = WELL
    assert systemd.recv(4096).startswith(b"WATCHDOG=1")
    watching.close()
    assert "not well, so systemd is not told otherwise: The actor system" in caplog.text


def test_a_manager_that_serves_no_http_says_nothing(
    systemd: socket.socket,
    notifier: Notifier,
    bus: BusClient,
    script: Script,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The bus alone is not enough."""
    caplog.set_level(logging.ERROR)
    script.lines[GetHealth] = WELL
    watching = watchdog(notifier, bus, serves=False)
    watching.start()
    for _ in range(3):
        script.requests.get(timeout=PATIENCE)
    watching.close()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(4096)
    assert "HTTP is not served" in caplog.text


def test_nobody_watches(bus: BusClient, notifier: Notifier, script: Script) -> None:
    """Without a watchdog there is no thread, and no look."""
    watching = Watchdog(notifier, bus, serves=lambda: True, within=None)
    watching.start()
    watching.close()
    assert script.requests.empty()
