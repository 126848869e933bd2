"""What the kernel knows: looked up here anew, so that the manager is not its own witness."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.patience import wait_until

LISTEN = "0A"
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves a PocketBase directory."""

    pid: int
    directory: str
    state: str
    """The letter of proc(5): T is stopped, Z a corpse."""
    ticks: int
    """When it started, in clock ticks since boot."""

    @property
    def alive(self) -> bool:
        """Whether it can answer."""
        return self.state not in "ZXxTt"


def pids() -> set[int]:
    """All processes of the machine."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def servers(root: Path, among: Collection[int] | None = None) -> list[Server]:
    """All processes that serve a directory under ``root``; ``among`` some, if they are given."""
    found = map(look, pids() if among is None else among)
    return [each for each in found if each and each.directory.startswith(f"{root}{os.sep}")]


def look(pid: int) -> Server | None:
    """What process ``pid`` serves; None when it serves nothing or has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
        directories = [word.removeprefix("--dir=") for word in words if word.startswith("--dir=")]
        if "serve" not in words or not directories:
            return None
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if state in "ZXx":
        return None
    return Server(pid, os.path.normpath(directories[0]), state, int(fields[18]))


def listeners(ports: range) -> dict[int, str]:
    """Of ``ports`` those that somebody listens on, each with the inode of the socket."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        port = int(fields[1].rpartition(":")[2], 16)
        if fields[3] == LISTEN and port in ports:
            found[port] = fields[9]
    return found


def sockets(pid: int) -> set[str]:
    """The inodes of the sockets that ``pid`` has open."""
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found


def cpu_seconds(pid: int) -> float:
    """What all threads of the process have run so far; to 0.01 s."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def is_locked(path: Path) -> bool:
    """Whether somebody has the file locked (flock)."""
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def kill(pid: int) -> None:
    """Kill the server, and return when it is dead: a signal takes its time."""
    os.kill(pid, signal.SIGKILL)
    wait_until(f"pid {pid} is dead", lambda: look(pid) is None, PATIENCE, poll=0.001)


def freeze(pid: int) -> None:
    """Stop the server where it stands, and return when it stands still."""

    def is_frozen() -> bool:
        server = look(pid)
        return server is None or not server.alive

    os.kill(pid, signal.SIGSTOP)
    wait_until(f"pid {pid} stands still", is_frozen, PATIENCE, poll=0.001)


def kill_servers(root: Path) -> None:
    """Kill whatever still serves a directory under ``root``, our own temporary folder."""
    for server in servers(root):
        with contextlib.suppress(OSError):
            os.kill(server.pid, signal.SIGKILL)
    wait_until("they are gone", lambda: not servers(root), PATIENCE)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_block(count: int, among: range) -> int:
    """The first of ``count`` ports in a row that nobody listens on, tried from our pid on."""
    choices = range(among.start, among.stop - count)
    for step in range(len(choices)):
        first = choices[(os.getpid() * 37 + step * count) % len(choices)]
        if not listeners(range(first, first + count)):
            return first
    raise OSError(f"no {count} free ports in a row in {among}")
