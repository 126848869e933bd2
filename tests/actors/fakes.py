"""A machine made of paper: processes and probes that do what the test says."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing
from pathlib import Path
from typing import Any

from actors.facts import Problem
from actors.health import HealthChecker, Ready
from actors.proc import ExitStatus, ProcessIdentity, boot_id
from actors.process import LaunchSpec, ManagedProcess, OnExit, Processes

PATIENCE = 10.0
"""Seconds after which a test gives up on what must come."""
FIRST_PID = 5_000_000
"""Larger than any number that the kernel gives (PID_MAX_LIMIT)."""


def make_database(data: Path, *, file: str = "first.js", applied: int = 1) -> None:
    """Make in ``data`` what tells one PocketBase's database from another."""
    data.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(data / "data.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE _migrations (file TEXT, applied INTEGER)")
        database.execute("INSERT INTO _migrations VALUES (?, ?)", (file, applied))


class AtOnce(Executor):
    """Does on the spot what it is given."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(call(*args, **kwargs))
        return done


class FakeProcess(ManagedProcess):
    """A process that does what the test says, and remembers what it was sent."""

    def __init__(self, identity: ProcessIdentity, directory: str, port: int, lock: int) -> None:
        super().__init__(identity, -1, Path(os.devnull), 0)
        self.directory = directory
        self.port = port
        self.signals: list[str] = []
        self.owners = 0
        self.output = ""
        self._lock_fd = lock
        self._end = threading.Lock()

    def watch(self, on_exit: OnExit) -> None:
        self.owners += 1
        super().watch(on_exit)

    def terminate(self) -> None:
        self.signals.append("TERM")

    def kill(self) -> None:
        self.signals.append("KILL")

    def last_output(self) -> str:
        return self.output

    def end(self, code: int | None = 0, output: str = "") -> None:
        """Exit, as the kernel would tell it: the lock goes first."""
        with self._end:
            assert not self.exited, "a process ends once"
            self.exited = True
        self.output = output
        self._status = ExitStatus(code=code)
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
        if self._on_exit is not None:
            self._on_exit(self._status)


class FakeProcesses(Processes):
    """The processes of the machine, of this manager and of others."""

    def __init__(self) -> None:
        self.all: list[FakeProcess] = []
        self.spawned: list[LaunchSpec] = []
        self.faults: list[Exception] = []
        """Raised by the next spawns, one each."""
        self.executables: dict[int, str] = {}
        self.activities: dict[int, float] = {}
        """For how many seconds a process has run; one that is not named never did."""
        self._pids = itertools.count(FIRST_PID)

    def living(self, directory: Path | None = None) -> list[FakeProcess]:
        """Those that live, or that serve ``directory``."""
        wanted = None if directory is None else str(directory)
        return [
            process
            for process in self.all
            if not process.exited and wanted in (None, process.directory)
        ]

    def stranger(self, directory: Path, port: int = 0) -> FakeProcess:
        """A PocketBase that another manager has started; it holds no lock of ours."""
        pid = next(self._pids)
        identity = ProcessIdentity(pid=pid, start_ticks=pid * 7, boot_id=boot_id())
        process = FakeProcess(identity, str(directory), port, -1)
        self.all.append(process)
        return process

    def is_managed(self, pid: int) -> bool:
        return any(process.pid == pid and process.owners for process in self.living())

    def spawn(self, spec: LaunchSpec) -> ManagedProcess:
        if self.faults:
            raise self.faults.pop(0)
        self.spawned.append(spec)
        options = dict(word.split("=", 1) for word in spec.argv if "=" in word)
        process = self.stranger(Path(options["--dir"]), int(options["--http"].rpartition(":")[2]))
        process._lock_fd = os.dup(spec.keep_open[0])
        return process

    def find(self, identity: ProcessIdentity) -> ManagedProcess | None:
        return self.adopt(identity, Path(os.devnull))

    def adopt(self, identity: ProcessIdentity, log: Path) -> ManagedProcess | None:
        return next((found for found in self.living() if found.identity == identity), None)

    def served_directory(self, pid: int) -> str | None:
        """As :func:`actors.proc.served_directory` has it."""
        return next((found.directory for found in self.living() if found.pid == pid), None)

    def serving(
        self, root: Path, but: Callable[[int], bool] = lambda pid: False
    ) -> Iterator[tuple[str, ProcessIdentity]]:
        """As :func:`actors.proc.serving` has it; nothing here is ours."""
        return ((process.directory, process.identity) for process in self.living())

    def identify(self, pid: int, *, corpse: bool = False) -> ProcessIdentity | None:
        """As :func:`actors.proc.identify` has it."""
        return next((found.identity for found in self.living() if found.pid == pid), None)

    def activity(self, pid: int) -> float | None:
        """As :func:`actors.proc.activity` has it."""
        return self.activities.get(pid, 0.0)

    def executable(self, pid: int) -> str | None:
        """As :func:`actors.proc.executable` has it."""
        return self.executables.get(pid, "/opt/pocketbase")


class FakeHealth(HealthChecker):
    """Probes that come back when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[ManagedProcess, bool, Ready]] = []
        self.checks: list[tuple[int, Callable[[Problem | None], None]]] = []
        self.deaf: set[int] = set()
        """Ports on which nobody listens just now."""

    def check(self, port: int, report: Callable[[Problem | None], None]) -> None:
        self.checks.append((port, report))

    def listens(self, port: int) -> bool:
        return port not in self.deaf

    def run(self, work: Callable[[], None]) -> None:
        work()

    def await_ready(
        self,
        process: ManagedProcess,
        port: int,
        data: Path,
        *,
        new: bool,
        deep: bool = False,
        address: str | None = None,
        ready: Ready,
    ) -> None:
        self.waiting.append((process, new, ready))

    def close(self) -> None:
        pass

    def report(self, what: str | None, *, silent: bool = True) -> None:
        """Let every check under way come back."""
        checks, self.checks = self.checks, []
        for _, report in checks:
            report(None if what is None else Problem(what=what, silent=silent))
