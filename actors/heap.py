"""Heap: the threads of the manager share one."""

from __future__ import annotations

from actors.libc import libc

_ARENA_MAX = -8
"""``M_ARENA_MAX`` of mallopt(3), from glibc's malloc.h."""


def share_heap() -> bool:
    """Have all threads allocate from one arena; return whether the C library knows how to.

    Before there are threads. glibc gives a thread an arena of its own, so that none waits for
    another; ours have Python's lock for that, and what each of theirs keeps is 2 MiB of the
    manager's memory when it has 200 instances.
    """
    try:
        return bool(libc.mallopt(_ARENA_MAX, 1))
    except AttributeError:  # not glibc
        return False
