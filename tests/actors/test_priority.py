"""The manager goes first, and its instances do not."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actors.priority import AUTOGROUP, SHORTEST

SAY = """
import ctypes, os, struct, subprocess, sys
from pathlib import Path
from actors.priority import AUTOGROUP, be_ordinary, go_first, ordinary_turns

def niceness(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)

def turn(pid):
    attributes = ctypes.create_string_buffer(48)
    ctypes.CDLL(None).syscall(315, pid, attributes, 48, 0)  # sched_getattr(2)
    return struct.unpack("IIQiIQQQ", attributes)[5]

may = go_first(int(sys.argv[1]))
group = AUTOGROUP.read_text().split()[-1:] if AUTOGROUP.exists() else []
with ordinary_turns():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, start_new_session=True)
be_ordinary(child.pid)
print(may, niceness(0), *group, niceness(child.pid))
print(turn(os.getppid()), turn(0), turn(child.pid), file=sys.stderr)
child.communicate(b"\\n")
be_ordinary(child.pid)  # it has ended: no harm
"""
SHORT_TURNS = platform.machine() == "x86_64" and tuple(
    map(int, re.findall(r"\d+", platform.release())[:2])
) >= (6, 12)
MAY = os.geteuid() == 0
"""Whether the tests may: root has CAP_SYS_NICE, hardly anybody else."""


def said(niceness: int, *, before: int = 0, leader: bool = True, of: str = "stdout") -> list[str]:
    """Return what a process says of itself, its session and its child.

    On ``stderr`` it says in nanoseconds how long its parent runs at a time, itself and its child.
    """
    command = ["nice", "-n", str(before), sys.executable, "-c", SAY, str(niceness)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, cwd=root, start_new_session=leader, capture_output=True, text=True, check=True
    )
    return str(getattr(done, of)).split()


@pytest.mark.skipif(not MAY, reason="takes root")
def test_the_manager_goes_first_and_its_instances_do_not() -> None:
    """It has the niceness of the settings, its session too, and what it starts has none."""
    group = ["-5"] if AUTOGROUP.exists() else []
    assert said(-5) == ["True", "-5", *group, "0"]


@pytest.mark.skipif(not MAY or not SHORT_TURNS, reason="takes root, and Linux 6.12")
def test_the_manager_takes_short_turns_and_its_instances_do_not() -> None:
    """So it has the processor when it wakes; an instance begins with what everybody has."""
    everybodys, own, childs = map(int, said(-5, of="stderr"))
    assert own == SHORTEST < everybodys
    assert childs == everybodys


def test_who_does_not_go_first_takes_turns_like_everybody() -> None:
    """Also what it starts."""
    assert len(set(said(-5, before=3, of="stderr"))) == 1


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
