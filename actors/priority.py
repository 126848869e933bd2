"""Priority: the manager goes first when there is more to do than the processors can.

It does little, and much waits for it: a start that is begun, a health check that must not take a
full machine for a hanging instance, whoever asks. Its instances are as important as everybody
else's programs on the machine.
"""

from __future__ import annotations

import contextlib
import os
import platform
import struct
from collections.abc import Iterator
from pathlib import Path

from actors.libc import libc

ORDINARY = 0
"""The niceness of a program of which nobody has decided anything (nice(2))."""
AUTOGROUP = Path("/proc/self/autogroup")
"""Where a kernel that divides its time among sessions takes the niceness of this one (sched(7))."""

SHORTEST = 100_000
"""Nanoseconds: the shortest turn that the kernel gives (kernel/sched/syscalls.c).
Who asks for shorter ones than somebody who runs gets the processor from it when it wakes."""
AS_ALL = 0
"""The turns of a program that asks for none: 3 ms."""
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
"""The number of sched_setattr(2) here, for which most C libraries have no name."""
_ATTRIBUTES = struct.Struct("IIQiIQQQ")
"""``struct sched_attr``: size, policy, flags, niceness, priority, and then how long a turn is."""


def go_first(niceness: int) -> bool:
    """Have this process go before others; return whether it may.

    Before it has threads: each begins with the niceness of the one that makes it. A process that
    somebody has given a niceness keeps that. A session is changed by its leader only: what else
    runs in somebody's terminal is not ours.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) != ORDINARY or niceness == ORDINARY:
        return niceness == ORDINARY
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
        _take_turns(SHORTEST)
        if os.getsid(0) == os.getpid() and AUTOGROUP.exists():
            AUTOGROUP.write_text(str(niceness))
    except OSError:
        return False
    return True


def be_ordinary(session: int) -> None:
    """Have the processes of a session, which was just begun from here, not go before others."""
    if os.getpriority(os.PRIO_PROCESS, 0) < ORDINARY:
        with contextlib.suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PGRP, session, ORDINARY)


@contextlib.contextmanager
def ordinary_turns() -> Iterator[None]:
    """What is launched within this block has turns as long as all: it begins with the thread's."""
    first = os.getpriority(os.PRIO_PROCESS, 0) < ORDINARY
    if first:
        _take_turns(AS_ALL)
    try:
        yield
    finally:
        if first:
            _take_turns(SHORTEST)


def _take_turns(nanoseconds: int) -> None:
    """Have this thread run for so long at a time when others wait.

    From Linux 6.12 on; what is older, or another machine, leaves it as it is.
    """
    policy, niceness = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    if _SET_ATTRIBUTES is not None and policy == os.SCHED_OTHER:
        wanted = (_ATTRIBUTES.size, policy, 0, niceness, 0, nanoseconds, 0, 0)
        libc.syscall(_SET_ATTRIBUTES, 0, _ATTRIBUTES.pack(*wanted), 0)
