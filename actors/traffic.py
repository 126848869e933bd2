"""What the kernel tells of who uses an instance: /proc, read only (proc(5)).

A connection to an instance's port is in the kernel's table while it is open, and for a minute
after that on the side that closed it (TIME_WAIT, tcp(7)). The instance's I/O counters
(``/proc/PID/io``) tell of the few that leave no such trace, because they ended by a reset.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable

import msgspec

from actors import proc
from actors.sockets import CLOSE_WAIT, ESTABLISHED, SYN_RECV, TIME_WAIT, Socket, sockets

PROBE_ADDRESS = "127.0.0.2"
"""What the manager's own probes come from, so that nobody takes them for a user."""

_PROBE = socket.inet_aton(PROBE_ADDRESS)
_OPEN = frozenset({ESTABLISHED, SYN_RECV, CLOSE_WAIT})
"""Established, about to be, and closed by the caller, who may still wait for an answer."""
_TIME_WAIT_SECONDS = 60.0
"""How long the kernel remembers a closed connection (TCP_TIMEWAIT_LEN)."""


class Traffic(msgspec.Struct):
    """The connections of one port."""

    sockets: set[str] = msgspec.field(default_factory=set)
    """The callers' ends of the open ones, as :func:`actors.proc.open_files` names them."""
    open: int = 0
    """How many are open."""
    idle: float | None = None
    """Seconds since the last of the others was closed; None: the kernel remembers none."""


def traffic(ports: Collection[int]) -> dict[int, Traffic]:
    """Return the connections to each of ``ports``, but for our own probes."""
    found = {port: Traffic() for port in ports}
    everybody = sockets()
    local = {each.here[0] for each in everybody}
    for each in everybody:
        _note(each, found, local)
    return found


def _note(one: Socket, found: dict[int, Traffic], local: set[bytes]) -> None:
    """Note whose it is; who calls the same port of another machine is not ours."""
    (here, near), (there, far) = one.here, one.there
    if _PROBE in (here, there):
        return
    served, called = found.get(near), found.get(far) if there in local else None
    port = served or called
    if port is None:
        return
    if one.state == TIME_WAIT:
        idle = max(0.0, _TIME_WAIT_SECONDS - one.timer)
        port.idle = idle if port.idle is None else min(port.idle, idle)
    elif one.state in _OPEN and served is not None:
        port.open += 1
    elif one.state == ESTABLISHED:
        port.sockets.add(one.name)
    else:
        port.idle = 0.0


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
