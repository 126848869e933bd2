"""OS processes: spawn, adopt, signal, watch. The only file that starts or signals one.

A process is watched through a pidfd: the kernel tells of its death at once, and a signal sent
through it can never hit a stranger that took the number (pidfd_open(2), Linux 5.3).
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from actors.diagnosis import spawn_failure
from actors.logs import files
from actors.priority import be_ordinary, ordinary_turns
from actors.proc import ExitStatus, ProcessIdentity, boot_id, identify
from actors.progress import Progress
from bus.errors import InstanceIOError, ProcessError

LAST_OUTPUT = 4096
"""How much of a process's last output is told, in bytes."""
LONGEST_DUMP = 262_144
"""How far back it is looked for behind Go's dump of what everything was doing, in bytes."""

INSTALLER_TOKEN = re.compile(r"(pbinstall/)[^\s]+")
"""PocketBase prints a link with a thirty-minute superuser token while it has no superuser."""

OnExit = Callable[[ExitStatus], None]


class Waiter(Protocol):
    """Waits for file descriptors: the clock's thread."""

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call ``call`` once when ``fd`` can be read."""


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command to launch. Whoever wraps it (limits, another uid, a parent) makes another one."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    """Standard output and error are appended to this file; it is made 0600."""
    keep_open: tuple[int, ...] = ()
    """File descriptors that the process inherits under the same numbers."""


class ManagedProcess:
    """A process that is watched: its owner is told once, on the clock's thread, when it is gone."""

    def __init__(self, identity: ProcessIdentity, pidfd: int, log: Path, log_offset: int) -> None:
        """What it writes to ``log`` begins at ``log_offset``."""
        self.identity = identity
        self.exited = False
        self._on_exit: OnExit | None = None
        self._status: ExitStatus | None = None
        self._log = log
        self._log_offset = log_offset
        self._log_lock = threading.Lock()
        self._lock = threading.Lock()
        self._pidfd = pidfd

    @property
    def pid(self) -> int:
        """Its number."""
        return self.identity.pid

    @property
    def log(self) -> Path:
        """The file that it writes to."""
        return self._log

    def watch(self, on_exit: OnExit) -> None:
        """Tell ``on_exit`` of its end, and nobody else; at once if it has ended already."""
        with self._lock:
            self._on_exit = on_exit
            status = self._status
        if status is not None:
            on_exit(status)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL)."""
        self._signal(signal.SIGKILL)

    def last_output(self) -> str:
        """Return the last lines it wrote, or nothing."""
        try:
            with self._log_lock:
                since = max(self._log_offset, files.end(self._log) - LONGEST_DUMP)
                _, output = files.read(self._log, since, LONGEST_DUMP)
        except OSError:
            return ""
        said = without_dump(output)[-LAST_OUTPUT:]
        return redacted(said.decode(errors="replace")).strip()

    def writes_to(self, log: Path) -> None:
        """The file that it writes to has another name now."""
        with self._log_lock:
            self._log = log

    def rotate_log(self, *, largest: int, parts: int) -> int:
        """Have the file that it writes to begin anew if it is too large: see :func:`files.rotate`.

        What it wrote last is still found.
        """
        with self._log_lock:
            cut = files.rotate(self._log, largest=largest, parts=parts)
            self._log_offset -= cut
        return cut

    def gone(self, status: ExitStatus) -> None:
        """It has ended. Called once, by :class:`Processes`."""
        with self._lock:
            self.exited = True
            self._status = status
            os.close(self._pidfd)
            on_exit = self._on_exit
        if on_exit is not None:
            on_exit(status)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):  # gone, and not told yet
            if not self.exited:
                signal.pidfd_send_signal(self._pidfd, number)


def without_dump(output: bytes) -> bytes:
    """Return what Go wrote without the stacks of all goroutines, which follow its last words."""
    words = output.partition(b"\n\ngoroutine ")[0]
    return words if any(sign in words for sign in (b"panic: ", b"fatal error: ")) else output


def redacted(output: str) -> str:
    """Return what PocketBase wrote without the superuser token of its installer link."""
    return INSTALLER_TOKEN.sub(r"\1(hidden)", output)


class Processes:
    """All processes of the manager: those it spawned, and those it adopted from a former one."""

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter
        self._boot_id = boot_id()
        self._lock = threading.Lock()
        self._managed: dict[int, ManagedProcess] = {}

    def is_managed(self, pid: int) -> bool:
        """Whether ``pid`` is one of them."""
        return pid in self._managed

    def find(self, identity: ProcessIdentity) -> ManagedProcess | None:
        """Return the one with this identity, if it lives."""
        with self._lock:
            process = self._managed.get(identity.pid)
        return process if process is not None and process.identity == identity else None

    def spawn(self, spec: LaunchSpec) -> ManagedProcess:
        """Launch the command in a session of its own.

        Raises :class:`ProcessError` when it cannot be launched, :class:`InstanceIOError` when its
        log cannot be written.
        """
        log = _open_log(spec.log)
        try:
            offset = os.lseek(log, 0, os.SEEK_END)
            child = _popen(spec, log)
        finally:
            os.close(log)
        be_ordinary(child.pid)
        try:
            pidfd = os.pidfd_open(child.pid)
        except OSError as error:  # what cannot be watched must not be left
            child.kill()
            child.wait()
            raise _spawn_error(spec, error) from error
        # Nobody has waited for it yet, so its number cannot be a stranger's.
        identity = identify(child.pid, corpse=True)
        assert identity is not None
        process = ManagedProcess(identity, pidfd, spec.log, offset)

        def reap() -> ExitStatus:
            return ExitStatus(code=child.wait())  # it has ended: that is what was waited for

        self._manage(process, reap)
        return process

    def adopt(self, identity: ProcessIdentity, log: Path) -> ManagedProcess | None:
        """Watch a process that is there already; None unless it is exactly that one.

        A process of ours is returned as it is, for a new owner.
        """
        process = self.find(identity)
        if process is not None:
            return process
        if identity.boot_id != self._boot_id:
            return None
        try:
            pidfd = os.pidfd_open(identity.pid)
        except OSError:
            return None
        if identify(identity.pid) != identity:  # looked at after the pidfd holds whoever it is
            os.close(pidfd)
            return None
        size = log.stat().st_size if log.exists() else 0
        process = ManagedProcess(identity, pidfd, log, max(0, size - LAST_OUTPUT))
        self._manage(process, lambda: ExitStatus(code=None))
        return process

    def _manage(self, process: ManagedProcess, reap: Callable[[], ExitStatus]) -> None:
        with self._lock:
            self._managed[process.pid] = process

        def ended() -> None:
            status = reap()
            with self._lock:
                self._managed.pop(process.pid, None)
            process.gone(status)

        self._waiter.when_readable(process._pidfd, ended)


def _open_log(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InstanceIOError(f"IO error: cannot write the log {path}: {error}") from error


def _popen(spec: LaunchSpec, log: int) -> subprocess.Popen[bytes]:
    try:
        with ordinary_turns():
            return subprocess.Popen(
                spec.argv,
                env=spec.env,
                cwd=spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=spec.keep_open,
                start_new_session=True,
                umask=0o077,
            )
    except OSError as error:
        raise _spawn_error(spec, error) from error


def _spawn_error(spec: LaunchSpec, error: OSError) -> ProcessError:
    return ProcessError(
        "Process error: Failed to spawn PocketBase process: "
        f"{error.strerror} (os error {error.errno}): {spec.argv[0]}",
        cause=spawn_failure(error),
    )


class Piped:
    """A program that is spoken to over its standard input, and listened to. See :func:`pipe_to`."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        """Its number."""
        return self._child.pid

    def write(self, said: bytes) -> None:
        """Tell it. Raises :class:`OSError` when it has ended."""
        assert self._child.stdin is not None
        os.write(self._child.stdin.fileno(), said)

    def lines(self) -> Iterator[bytes]:
        """Yield what it says, until it ends."""
        assert self._child.stdout is not None
        for line in self._child.stdout:
            yield line.rstrip(b"\n")

    def close_input(self) -> None:
        """Nothing more is said to it."""
        assert self._child.stdin is not None
        self._child.stdin.close()

    def wait(self) -> None:
        """Return when it has ended; nothing of it is left open."""
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


def pipe_to(argv: Sequence[str]) -> Piped:
    """Start a program of our own in a session of its own. Raises :class:`OSError`."""
    pipe = subprocess.PIPE
    return Piped(subprocess.Popen(argv, stdin=pipe, stdout=pipe, start_new_session=True))


def pocketbase_version(binary: str) -> str | None:
    """Return what ``binary --version`` says, as ``0.40.6``; None when it says something else."""
    return program_version(binary, "--version")


def program_version(binary: str, argument: str) -> str | None:
    """Return the version that the program ends its answer with; None when it says none."""
    try:
        said = run_program([binary, argument], env=None, timeout=10)
    except OSError:
        return None
    word = said.output.strip().rpartition(" ")[2]
    return word if said.code == 0 and word[:1].isdigit() else None


LOOK = 0.25
"""Seconds between two looks whether a program is still wanted."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a short program ended."""

    code: int
    output: str
    """Everything that it wrote."""


def run_program(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    timeout: float,
    stall: float | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Ended:
    """Run a short program to its end; not in an actor. Without ``env`` it has the manager's.

    Raises :class:`OSError` when it cannot be started, or is killed: after ``timeout`` seconds; when
    it has got nowhere for ``stall`` seconds, if that is given (:class:`Progress`); or when it is
    not ``wanted`` any more, as is looked every :data:`LOOK` seconds.
    """
    with ordinary_turns():
        program = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    with program as child:
        be_ordinary(child.pid)
        progress = Progress(child.pid)
        try:
            for _ in range(math.ceil(timeout / LOOK)):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    said, _ = child.communicate(timeout=LOOK)
                    return Ended(code=child.returncode, output=said.decode(errors="replace"))
                if not wanted():
                    raise InterruptedError(f"{argv[0]} is not wanted any more")
                if stall is not None and progress.is_stalled(math.ceil(stall / LOOK)):
                    raise TimeoutError(f"{argv[0]} has got nowhere for {stall:g} s")
        finally:
            child.kill()
    raise TimeoutError(f"{argv[0]} did not end within {timeout:g} s")
