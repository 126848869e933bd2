"""Latch: holds new connections off another process's port for a moment.

Between the last look whether anybody is connected and the end of a process somebody may connect,
be taken into the kernel's queue, and be thrown out of it. So before that look the manager borrows
the process's listening socket (pidfd_getfd(2), Linux 5.6) and attaches a filter to it that drops
what arrives (socket(7), SO_ATTACH_FILTER). Whoever comes then is not refused but waits: his system
asks again after a second (RFC 6298), and finds the port open again, or closed.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading

from actors import proc, sockets
from actors.layout import LOOPBACK
from actors.libc import checked, libc

_PIDFD_GETFD = 438
"""The same number on all architectures (``asm-generic/unistd.h``)."""
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_DROP = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0), 8)
"""``BPF_RET | BPF_K`` with length 0: nothing of the packet is kept."""


class Latch:
    """Closed from the moment it is made until :meth:`release`; releasing twice is harmless."""

    def __init__(self, borrowed: socket.socket) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = borrowed
        program = struct.pack("HL", 1, ctypes.addressof(_DROP))
        borrowed.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    @classmethod
    def close_on(cls, pid: int, port: int, address: str = LOOPBACK) -> Latch | None:
        """Hold new connections off ``port`` of process ``pid``, or of its child.

        None when the system does not let us: then it is as without.
        """
        listener = sockets.listener(port, address) or ""
        numbers = {each: proc.number_of(each, listener) for each in proc.family(pid)}
        found = [(each, number) for each, number in numbers.items() if number is not None]
        try:
            borrowed = _borrow(*found[0])
        except (OSError, IndexError):
            return None
        try:
            return cls(borrowed)
        except OSError:
            borrowed.close()
            return None

    def release(self) -> None:
        """Let them in again."""
        self._end(reopen=True)

    def keep(self) -> None:
        """Leave it closed: the process ends, and its socket with it."""
        self._end(reopen=False)

    def _end(self, *, reopen: bool) -> None:
        with self._lock:
            borrowed, self._socket = self._socket, None
        if borrowed is not None:
            with borrowed:
                if reopen:
                    borrowed.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _borrow(pid: int, fd: int) -> socket.socket:
    pidfd = os.pidfd_open(pid)
    try:
        return socket.socket(fileno=checked(libc.syscall(_PIDFD_GETFD, pidfd, fd, 0)))
    finally:
        os.close(pidfd)
