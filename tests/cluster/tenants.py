"""Tenants of paper: processes that do nothing, and are known by their mark."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from actors.cluster.guard import MARK


def apart(name: str) -> str:
    """Return a mark that no other run of the tests on this machine has: a guard kills by it."""
    return f"{name}-{os.getpid()}"


@contextmanager
def tenant(mark: str, *, obstinate: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Run one; an ``obstinate`` one has a child, and neither heeds SIGTERM."""
    script = "trap '' TERM; sleep 60 & wait" if obstinate else "exec sleep 60"
    with subprocess.Popen(["/bin/sh", "-c", script], env={MARK: mark, "PATH": "/bin"}) as process:
        try:
            yield process
        finally:
            process.kill()
