"""Priority: the manager goes first when there is more to do than the processors can.

It does little, and much waits for it: a start that is begun, a health check that must not take a
full machine for a hanging instance, whoever asks. Its instances are as important as everybody
else's programs on the machine.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ORDINARY = 0
"""The niceness of a program of which nobody has decided anything (nice(2))."""
AUTOGROUP = Path("/proc/self/autogroup")
"""Where a kernel that divides its time among sessions takes the niceness of this one (sched(7))."""


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
