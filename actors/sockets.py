"""What the kernel tells of TCP sockets: by sock_diag (sock_diag(7)), as ``ss`` asks it.

/proc/net/tcp tells the same, and takes 16 us for each socket of the machine, of which a busy one
has thousands: each start, and each look at who is connected, would pay for all of them. It is read
where the kernel does not answer (a container may forbid it).
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from actors.layout import LOOPBACK

ESTABLISHED, SYN_RECV, TIME_WAIT, CLOSE_WAIT, LISTEN = 1, 3, 6, 8, 10
"""States of a socket, as the kernel numbers them (include/net/tcp_states.h)."""
CONNECTIONS = 0xFFF & ~(1 << LISTEN) | 1 << 12
"""All states but that of a listener, as bits; the last is a connection that is being made."""

_SOCK_DIAG, _BY_FAMILY = 4, 20
_TCP = socket.IPPROTO_TCP
_REQUEST, _DUMP = 0x001, 0x300
_ERROR, _DONE = 2, 3
_TIMEOUT = 5.0
"""Seconds; the kernel answers at once."""
_HEAD = struct.Struct("=IHHII")
"""``struct nlmsghdr``: length, type, flags, number, sender."""
_ASK = struct.Struct("=BBBxI")
"""``struct inet_diag_req_v2`` up to the socket that is asked for: family, protocol, states."""
_PLACES = struct.Struct(">HH16s16s")
"""``struct inet_diag_sockid``: both ports and addresses; an interface and a cookie follow."""
_ANY_COOKIE = struct.pack("=Iii", 0, -1, -1)
_TOLD = struct.Struct("=BBxx48xIIIII")
"""``struct inet_diag_msg``: family, state, the places, milliseconds, two queues, uid, inode."""
_MAPPED = bytes(10) + b"\xff\xff"
"""What comes before an IPv4 address in an IPv6 one."""
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_TICKS = float(os.sysconf("SC_CLK_TCK"))


class Socket(NamedTuple):
    """A TCP socket of this machine. What speaks IPv4 by IPv6 is told as if by IPv4."""

    state: int
    here: tuple[bytes, int]
    """Its own address, of four bytes, and port."""
    there: tuple[bytes, int]
    """The other end's."""
    timer: float
    """Seconds; with TIME_WAIT, until the kernel forgets it."""
    inode: int

    @property
    def name(self) -> str:
        """As :func:`actors.proc.open_files` names it."""
        return f"socket:[{self.inode}]"


def listener(port: int, address: str = LOOPBACK) -> str | None:
    """Return the socket that listens there, as :func:`actors.proc.open_files` names it.

    On that address, or everywhere: Go listens everywhere by IPv6, which takes IPv4 too.
    """
    wanted = socket.inet_aton(address)
    try:
        found = _find(wanted, port)
    except OSError:
        places = ((wanted, port), (bytes(4), port))
        listeners = (each for each in _listed() if each.state == LISTEN and each.here in places)
        found = next(listeners, None)
    return None if found is None else found.name


def sockets(states: int = CONNECTIONS) -> list[Socket]:
    """Return the connections of this machine that are in one of ``states``.

    As it comes the closed ones too, while the kernel remembers them.
    """
    try:
        return [*_dump(socket.AF_INET, states), *_dump(socket.AF_INET6, states)]
    except OSError:
        return [each for each in _listed() if 1 << each.state & states]


def connections() -> Counter[int]:
    """Return how many TCP connections are open to each port of this machine."""
    return Counter(each.here[1] for each in sockets(1 << ESTABLISHED))


def _find(address: bytes, port: int) -> Socket | None:
    """Ask for the one that listens there. Raises :class:`OSError` where it cannot be asked."""
    places = _PLACES.pack(port, 0, address + bytes(12), bytes(16))
    with _asked(socket.AF_INET, 1 << LISTEN, places, _REQUEST) as kernel:
        answer = kernel.recv(65536)
    _, kind, *_ = _HEAD.unpack_from(answer)
    if kind == _ERROR:
        error = _error(answer, 0)
        if error.errno == errno.ENOENT and _knows_tcp():
            return None
        raise error
    found = _read(answer, _HEAD.size)
    return found if found is not None and found.state == LISTEN else None


@functools.cache
def _knows_tcp() -> bool:
    """Whether the kernel can tell of TCP: without its module it knows of no socket either.

    Raises :class:`OSError` when it cannot.
    """
    list(_dump(socket.AF_INET, 1 << LISTEN))
    return True


def _dump(family: int, states: int) -> Iterator[Socket]:
    places = _PLACES.pack(0, 0, bytes(16), bytes(16))
    with _asked(family, states, places, _REQUEST | _DUMP) as kernel:
        while True:
            answer, at = kernel.recv(65536), 0
            while at < len(answer):
                length, kind, *_ = _HEAD.unpack_from(answer, at)
                if kind in (_DONE, _ERROR):
                    error = _error(answer, at)
                    if error.errno:
                        raise error
                    return
                found = _read(answer, at + _HEAD.size)
                if found is not None:
                    yield found
                at += length + 3 & ~3


def _asked(family: int, states: int, places: bytes, flags: int) -> socket.socket:
    """Return a socket that has asked the kernel."""
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
    try:
        kernel.settimeout(_TIMEOUT)
        asked = _ASK.pack(family, _TCP, 0, states) + places + _ANY_COOKIE
        kernel.send(_HEAD.pack(_HEAD.size + len(asked), _BY_FAMILY, flags, 1, 0) + asked)
    except OSError:
        kernel.close()
        raise
    return kernel


def _error(answer: bytes, at: int) -> OSError:
    """Read what an answer's end says; number 0: all is well."""
    number = -struct.unpack_from("=i", answer, at + _HEAD.size)[0]
    return OSError(number, os.strerror(number))


def _read(answer: bytes, at: int) -> Socket | None:
    """Read one socket; None when it speaks IPv6."""
    family, state, milliseconds, _, _, _, inode = _TOLD.unpack_from(answer, at)
    near, far, here, there = _PLACES.unpack_from(answer, at + 4)
    if family == socket.AF_INET6 and state != LISTEN:
        if not (here.startswith(_MAPPED) and there.startswith(_MAPPED)):
            return None
        here, there = here[12:], there[12:]
    return Socket(state, (here[:4], near), (there[:4], far), milliseconds / 1000, inode)


def _listed() -> Iterator[Socket]:
    """Read the tables of /proc (proc(5)); a machine without IPv6 has none of that."""
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue
        for row in map(str.split, rows):
            here, there = _place(row[1]), _place(row[2])
            if here is not None and there is not None:
                timer = int(row[5].partition(":")[2], 16) / _TICKS
                yield Socket(int(row[3], 16), here, there, timer, int(row[9]))


def _place(told: str) -> tuple[bytes, int] | None:
    """Read ``0100007F:1F90``; None for IPv6, unless that is IPv4 within it, or everywhere."""
    address, _, port = told.partition(":")
    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
    whole = b"".join(words)
    if len(whole) == 16 and any(whole) and not whole.startswith(_MAPPED):
        return None
    return whole[-4:], int(port, 16)
