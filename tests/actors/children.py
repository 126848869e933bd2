"""Small real processes for the tests: they end when told, and with the test at the latest."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from actors.proc import ExitStatus
from actors.process import LaunchSpec, ManagedProcess, Processes
from tests.actors.fakes import PATIENCE

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GREETING": "hello"}


def spec(
    folder: Path, *argv: str, name: str = "child", keep_open: Sequence[int] = ()
) -> LaunchSpec:
    """Return how ``argv`` is launched in ``folder``."""
    return LaunchSpec(
        argv=argv,
        env=ENVIRONMENT,
        cwd=folder,
        log=folder / f"{name}.log",
        keep_open=tuple(keep_open),
    )


def python(folder: Path, script: str, *args: str, keep_open: Sequence[int] = ()) -> LaunchSpec:
    """Return how a Python script is launched in ``folder``."""
    return spec(folder, sys.executable, "-S", "-c", script, *args, keep_open=keep_open)


def shell(folder: Path, script: str, keep_open: Sequence[int] = ()) -> LaunchSpec:
    """Return how a shell script is launched in ``folder``."""
    return spec(folder, "/bin/sh", "-c", script, keep_open=keep_open)


def waiting(folder: Path, keep_open: Sequence[int] = ()) -> LaunchSpec:
    """Return how a child is launched that lives until it is ended."""
    return spec(folder, "/bin/sleep", "600", keep_open=keep_open)


@contextmanager
def ended(*processes: ManagedProcess) -> Iterator[None]:
    """Kill the processes when the test is over, whatever has become of it."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def told(process: ManagedProcess) -> SimpleQueue[ExitStatus]:
    """Watch the process; its exit comes in this queue."""
    exits: SimpleQueue[ExitStatus] = SimpleQueue()
    process.watch(exits.put)
    return exits


def exit_code(process: ManagedProcess) -> int | None:
    """Wait until the process is gone; return its exit code."""
    return told(process).get(timeout=PATIENCE).code


class Signal:
    """A socket of the test that a child connects to, to say that it has come so far."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self.port = self._socket.getsockname()[1]

    def wait(self) -> bytes:
        """Wait for a child, and return what it says."""
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(PATIENCE)
            said = b""
            while more := connection.recv(1000):
                said += more
            return said

    def close(self) -> None:
        self._socket.close()


SAY = """
import os, socket, sys
def say(*words):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as wire:
        wire.sendall(" ".join(map(str, words)).encode())
"""
"""Begins a script whose first argument is the port of a :class:`Signal`."""


def spawn_saying(
    processes: Processes, folder: Path, script: str, signal: Signal, *args: str
) -> tuple[ManagedProcess, str]:
    """Spawn a script that says something and then waits; return it and what it said."""
    script = f"{SAY}\n{script}\nimport time; time.sleep(600)"
    process = processes.spawn(python(folder, script, str(signal.port), *args))
    return process, signal.wait().decode()


def kill_pid(pid: int) -> None:
    """End a process that the test has started itself."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
