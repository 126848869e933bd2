"""The manager goes first, and its instances do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.priority import AUTOGROUP

SAY = """
import os, subprocess, sys
from pathlib import Path
from actors.priority import AUTOGROUP, be_ordinary, go_first

def niceness(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)

may = go_first(int(sys.argv[1]))
group = AUTOGROUP.read_text().split()[-1:] if AUTOGROUP.exists() else []
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, start_new_session=True)
be_ordinary(child.pid)
print(may, niceness(0), *group, niceness(child.pid))
child.communicate(b"\\n")
be_ordinary(child.pid)  # it has ended: no harm
"""
MAY = os.geteuid() == 0
"""Whether the tests may: root has CAP_SYS_NICE, hardly anybody else."""


def said(niceness: int, *, before: int = 0, leader: bool = True) -> list[str]:
    """Return what a process says of itself, its session and its child."""
    command = ["nice", "-n", str(before), sys.executable, "-c", SAY, str(niceness)]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        command, cwd=root, start_new_session=leader, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.skipif(not MAY, reason="takes root")
def test_the_manager_goes_first_and_its_instances_do_not() -> None:
    """It has the niceness of the settings, its session too, and what it starts has none."""
    group = ["-5"] if AUTOGROUP.exists() else []
    assert said(-5) == ["True", "-5", *group, "0"]


@pytest.mark.skipif(not MAY or not AUTOGROUP.exists(), reason="takes root, and such a kernel")
def test_a_session_of_somebody_else_stays_as_it_is() -> None:
    """In a terminal its other programs do not go first with it."""
    mine = AUTOGROUP.read_text().split()[-1:]  # nothing of the session that the kernel began with
    assert said(-5, leader=False) == ["True", "-5", *mine, "0"]


def test_what_somebody_has_decided_is_kept() -> None:
    """Started by ``nice``, it and what it starts have that niceness."""
    outcome = said(-5, before=3)
    assert (outcome[0], outcome[1], outcome[-1]) == ("False", "3", "3")


@pytest.mark.skipif(MAY, reason="takes somebody who is not root")
def test_nobody_need_be_root() -> None:
    """Who may not goes on as everybody else."""
    outcome = said(-5)
    assert (outcome[0], outcome[1], outcome[-1]) == ("False", "0", "0")
