"""What the kernel tells of who uses an instance: /proc, read only (proc(5)).

A connection to an instance's port is in the kernel's table while it is open, and for a minute
after that on the side that closed it (TIME_WAIT, tcp(7)). The instance's I/O counters
(``/proc/PID/io``) tell of the few that leave no such trace, because they ended by a reset.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from actors import proc

PROBE_ADDRESS = "127.0.0.2"
"""What the manager's own probes come from, so that nobody takes them for a user."""

_PROBE = "0200007F"
_ESTABLISHED, _TIME_WAIT, _LISTEN = "01", "06", "0A"
_OPEN = frozenset({"01", "03", "08"})
"""Established, about to be, and closed by the caller, who may still wait for an answer."""
_TIME_WAIT_SECONDS = 60.0
"""How long the kernel remembers a closed connection (TCP_TIMEWAIT_LEN)."""
_TICKS = float(os.sysconf("SC_CLK_TCK"))


@dataclass(slots=True)
class Traffic:
    """The connections of one port."""

    sockets: set[str] = field(default_factory=set)
    """The callers' ends of the open ones, as :func:`actors.proc.open_files` names them."""
    open: int = 0
    """How many are open."""
    idle: float | None = None
    """Seconds since the last of the others was closed; None: the kernel remembers none."""


def traffic(ports: Collection[int]) -> dict[int, Traffic]:
    """Return the connections to each of ``ports`` on loopback, but for our own probes."""
    found = {port: Traffic() for port in ports}
    for row in proc.sockets():
        _note(row, found)
    return found


def _note(row: list[str], found: dict[int, Traffic]) -> None:
    (here, near), (there, far) = row[1].split(":"), row[2].split(":")
    if row[3] == _LISTEN or _PROBE in (here, there):
        return
    served, called = found.get(int(near, 16)), found.get(int(far, 16))
    one = served or called
    if one is None:
        return
    if row[3] == _TIME_WAIT:
        left = int(row[5].partition(":")[2], 16) / _TICKS
        idle = max(0.0, _TIME_WAIT_SECONDS - left)
        one.idle = idle if one.idle is None else min(one.idle, idle)
    elif row[3] in _OPEN and served is not None:
        one.open += 1
    elif row[3] == _ESTABLISHED:
        one.sockets.add(f"socket:[{row[9]}]")
    else:
        one.idle = 0.0


def inside(port: int, held: set[str]) -> int:
    """Return how many are connected to ``port`` but for those that ``held`` the other ends."""
    found = traffic([port])[port]
    return max(found.open, len(found.sockets)) - len(found.sockets & held)


def held_by(pids: Iterable[int]) -> set[str]:
    """Return the sockets that these processes have open: a door's, that has its own count."""
    return {name for pid in pids for name in proc.open_files(pid) if name.startswith("socket:")}


def io_counters(pid: int) -> tuple[int, int] | None:
    """Return how many bytes the process has read and written, sockets and files; None: gone.

    Of one with a replicating parent its own: the parent looks at the database all the time.
    """
    *_, served = pid, *proc.family(pid)
    try:
        with open(f"/proc/{served}/io", encoding="ascii") as counters:
            values = dict(line.split(": ") for line in counters)
        return int(values["rchar"]), int(values["wchar"])
    except (OSError, ValueError, KeyError):
        return None
