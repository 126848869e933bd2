"""What the tests look at outside the manager: ports, processes, conditions that come true."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 20.0
"""Seconds until a test gives up on what must come."""
_PAUSE = 0.005


def eventually(condition: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Return as soon as ``condition()`` is true; for what no event tells."""
    deadline = time.monotonic() + within
    never = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        never.wait(_PAUSE)


def await_end(pid: int, within: float = PATIENCE) -> None:
    """Return as soon as the process is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([fd], [], [], within)
        assert ended, f"pid {pid} still lives after {within:g} s"
    finally:
        os.close(fd)


def command_line(pid: int) -> list[str]:
    """Return the words of the process's command line; none when it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return []
    return words.removesuffix("\0").split("\0") if words else []


def processes_under(root: Path, command: str | None = None) -> list[int]:
    """Return the PocketBases that do something, or ``command``, in a directory under ``root``."""
    pids = {
        int(entry): command_line(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()
    }
    return [
        pid
        for pid, words in pids.items()
        if any(f"--dir={root}/" in word for word in words) and command in (None, *words)
    ]


def servers_under(root: Path) -> list[int]:
    """Return the processes that serve a directory under ``root``: the nursery's migrate only."""
    return processes_under(root, "serve")


def sockets_under(root: Path) -> list[Path]:
    """Return the socket files under ``root``."""
    return [path for path in root.rglob("*") if path.is_socket()]


def kill(pids: list[int]) -> None:
    """End processes that are ours."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        await_end(pid)


def listening_addresses(port: int) -> list[str]:
    """Return the addresses, as the kernel writes them, that someone listens on at ``port``."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.partition(":")
            if int(number, 16) == port and state == "0A":
                found.append(address)
    return found
