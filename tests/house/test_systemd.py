"""The manager under something that listens as systemd does, and the unit that goes with it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.house.manager import manager_of
from tests.house.surroundings import PATIENCE

UNIT = Path(__file__).parents[2] / "docs" / "examples" / "systemd" / "pblm.service"


def test_systemd_is_told_that_it_serves_is_well_and_stops() -> None:
    """READY comes when the API answers; STOPPING before the instances end."""
    with manager_of() as manager, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{manager.root.name}")
        systemd.settimeout(PATIENCE)
        manager.environ |= {
            "NOTIFY_SOCKET": f"@{manager.root.name}",
            "WATCHDOG_USEC": "300000",
        }
        manager.start()
        told = [systemd.recv(4096).decode()]
        while "READY=1" not in told:
            told.append(systemd.recv(4096).decode())
        manager.api.run("ann")
        while "WATCHDOG=1\nSTATUS=1 of 1 instances run" not in told:
            told.append(systemd.recv(4096).decode())
        manager.send(signal.SIGTERM)
        while told[-1] != "STOPPING=1":
            told.append(systemd.recv(4096).decode())
        manager.await_end()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_the_unit_is_one(tmp_path: Path) -> None:
    """systemd itself finds nothing wrong with it, but that its program is not there."""
    unit = tmp_path / "pblm.service"
    text = UNIT.read_text()
    (program,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    unit.write_text(text.replace(program, "ExecStart=/bin/true serve"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
