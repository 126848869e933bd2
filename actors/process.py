"""OS processes: spawn, signal, watch. The only file that knows them.

A process is watched through a pidfd: the kernel tells of its death at once, and a signal sent
through it can never hit a stranger that took the number (pidfd_open(2), Linux 5.3).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bus.errors import InstanceIOError, ProcessError

LAST_OUTPUT = 4096
"""How much of a process's last output is told, in bytes."""


class Waiter(Protocol):
    """Waits for file descriptors: the clock's thread."""

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call ``call`` once when ``fd`` can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """A command to launch. Whoever wraps it (limits, another uid, a parent) makes another one."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    """Standard output and error are appended to this file; it is made 0600."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """What tells a process from every other one, also after its number was given to a stranger."""

    pid: int
    start_ticks: int
    """Its start in clock ticks since boot (field 22 of /proc/PID/stat, proc(5))."""
    boot_id: str
    """The kernel's name for the time since the machine started."""


def boot_id() -> str:
    """Return the kernel's name for this life of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int:
    """Return when ``pid`` was started; raise OSError when there is no such process."""
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[19])


class ManagedProcess:
    """A child of ours. Its owner is told once when it is gone."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        spec: LaunchSpec,
        log_offset: int,
        waiter: Waiter,
        on_exit: Callable[[str], None],
    ) -> None:
        self._child = child
        self._log = spec.log
        self._log_offset = log_offset
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._pidfd = os.pidfd_open(child.pid)
        self.exited = False
        self.identity = ProcessIdentity(
            pid=child.pid, start_ticks=start_ticks(child.pid), boot_id=boot_id()
        )
        waiter.when_readable(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._child.pid

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL)."""
        self._signal(signal.SIGKILL)

    def last_output(self) -> str:
        """Return the last lines it wrote, or nothing."""
        try:
            with open(self._log, "rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_offset, end - LAST_OUTPUT))
                return log.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if not self.exited:
                signal.pidfd_send_signal(self._pidfd, number)

    def _reap(self) -> None:
        code = self._child.wait()  # it has ended already: that is what was waited for
        with self._lock:
            self.exited = True
            os.close(self._pidfd)
        self._on_exit(describe_exit(code))


def describe_exit(code: int) -> str:
    """Say how a process ended: ``code`` as :mod:`subprocess` has it."""
    if code >= 0:
        return f"exited with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"was ended by signal {-code}"
    return f"was ended by signal {-code} ({name})"


def spawn(waiter: Waiter, spec: LaunchSpec, on_exit: Callable[[str], None]) -> ManagedProcess:
    """Launch the command in a session of its own; ``on_exit`` is told in words how it ended.

    Raises :class:`ProcessError` when it cannot be launched, :class:`InstanceIOError` when its log
    cannot be written.
    """
    try:
        log = os.open(spec.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InstanceIOError(f"IO error: cannot write the log {spec.log}: {error}") from error
    try:
        offset = os.lseek(log, 0, os.SEEK_END)
        child = subprocess.Popen(
            spec.argv,
            env=spec.env,
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        raise ProcessError(
            "Process error: Failed to spawn PocketBase process: "
            f"{error.strerror} (os error {error.errno}): {spec.argv[0]}"
        ) from error
    finally:
        os.close(log)
    return ManagedProcess(child, spec, offset, waiter, on_exit)
