"""Leftovers: what a test has opened or begun, and not closed or ended."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def open_files() -> set[str]:
    """Return the open file descriptors of this process and what they are."""
    gc.collect()
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:  # the one that listed them
            continue
    return found


@contextmanager
def nothing_left() -> Iterator[None]:
    """See that no file is open and no thread runs afterwards that was not there before.

    Less than before is nobody's fault: what an earlier test has left may end meanwhile.
    """
    files, threads = open_files(), set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= threads
    assert open_files() <= files
