"""What every system is asked to do: start, stop and tell of one user's PocketBase."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks.bare import PATIENCE

POLL = 0.001
"""Seconds between two looks whether something is healthy."""
HEALTH = b"OPTIONS /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One user's PocketBase."""

    name: str
    data: Path
    port: int
    command: tuple[str, ...]
    """The bare command; the manager of our own has one of its own."""


class Peer(Protocol):
    """A system that keeps processes running, as it comes."""

    name: str

    def job(self, number: int) -> Job:
        """Return the ``number``-th user's job."""

    def add(self, job: Job) -> None:
        """Have a job that is not known yet running; return when the system says that it is."""

    def start(self, job: Job) -> None:
        """Have a job that was stopped running; return when the system says that it is."""

    def stop(self, job: Job) -> None:
        """Have it stopped; return when the system says that it is."""

    def status(self, job: Job) -> str:
        """Ask the system what the job does."""

    def close(self) -> None:
        """End the system and everything it runs."""


def healthy(port: int) -> bool:
    """Whether PocketBase on ``port`` answers, without a line in its log."""
    with socket.socket() as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(("127.0.0.1", port))
            connection.sendall(HEALTH)
            return connection.recv(64)[9:12] == b"204"
        except OSError:
            return False


class Truth:
    """Watches a port in a thread of its own: when does it answer for the first time?"""

    def __init__(self, port: int) -> None:
        self.at = 0.0
        self._port = port
        self._seen = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait(self, patience: float = PATIENCE) -> float:
        """Return when it was, as :func:`time.perf_counter` has it; raise TimeoutError if never."""
        seen = self._seen.wait(patience)
        self._ended.set()
        self._thread.join()
        if not seen:
            raise TimeoutError(f"port {self._port} never answered")
        return self.at

    def _watch(self) -> None:
        while not self._ended.is_set():
            if healthy(self._port):
                self.at = time.perf_counter()
                self._seen.set()
                return
            time.sleep(POLL)


def pid_of(job: Job) -> int:
    """Return the process that serves the job's directory."""
    wanted = f"--dir={job.data}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            program = Path(os.readlink(folder / "exe")).name
            if wanted in words and program.startswith("pocketbase"):  # ours has its version behind
                return int(folder.name)
        except OSError:
            continue
    raise ProcessLookupError(job.name)


@contextmanager
def daemon(command: list[str], folder: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer's own process, which ends with the block."""
    with open(folder / "daemon.log", "ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(ask: object, what: str) -> None:
    """Return when ``ask()`` is true; raise TimeoutError if it never is."""
    assert callable(ask)
    deadline = time.monotonic() + PATIENCE
    while not ask():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.005)


class Jobs:
    """The jobs of one system, in a directory and on ports of its own."""

    def __init__(self, root: Path, binary: str, first_port: int) -> None:
        self._root = root
        self._binary = binary
        self._first_port = first_port
        self._empty = root / "empty"
        self._empty.mkdir(parents=True)

    def job(self, number: int) -> Job:
        """Return the ``number``-th."""
        data, port = self._root / f"user{number}", self._first_port + number
        command = (
            self._binary,
            "serve",
            f"--http=127.0.0.1:{port}",
            f"--dir={data}",
            f"--migrationsDir={self._empty}",
            f"--hooksDir={self._empty}",
            f"--publicDir={self._empty}",
            "--automigrate=0",
            "--hooksWatch=0",
            "--dev=0",
        )
        return Job(name=f"user{number}", data=data, port=port, command=command)
