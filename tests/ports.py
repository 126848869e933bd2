"""Free ports for tests: no two processes that run tests on this machine are given the same ones."""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections import deque

from actors.ports import is_free

FIRST, END = 10_000, 32_000
"""They lie below those that the system gives to outgoing connections."""
BLOCK = 10
TOTAL = (END - FIRST) // BLOCK
KEPT = 200
"""So many blocks are ours at most: those that were taken first are given back."""

_blocks = itertools.count(random.randrange(TOTAL))
_leases: deque[socket.socket] = deque()


def free_ports(count: int) -> int:
    """Return the first of ``count`` free ports in a row."""
    blocks = -(-count // BLOCK)
    while True:
        first = next(_blocks) % (TOTAL - blocks + 1)
        ports = range(FIRST + first * BLOCK, FIRST + first * BLOCK + count)
        if all(_lease(first + n) for n in range(blocks)) and all(map(is_free, ports)):
            return ports[0]


def _lease(block: int) -> bool:
    """Take a name that the kernel frees at the latest when this process ends (unix(7))."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0pblm-tests-{os.geteuid()}-ports-{block}")
    except OSError:
        name.close()
        return False
    _leases.append(name)
    if len(_leases) > KEPT:
        _leases.popleft().close()
    return True
