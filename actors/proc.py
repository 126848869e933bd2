"""What the kernel tells of processes: /proc, read only (proc(5))."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

VMSTAT = Path("/proc/vmstat")
"""What the kernel counts for the whole machine (proc(5))."""


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a process from every other one, also after its number was given to a stranger."""

    pid: int
    start_ticks: int
    """Its start in clock ticks since boot (field 22 of /proc/PID/stat)."""
    boot_id: str
    """The kernel's name for the time since the machine started."""


class ExitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended. ``code`` is as in :mod:`subprocess`: negative for a signal.

    None: not known, since it was not our child.
    """

    code: int | None

    def __str__(self) -> str:
        if self.code is None:
            return "ended (adopted from a former manager, so how is not known)"
        if self.code >= 0:
            return f"exited with status {self.code}"
        try:
            return f"was ended by signal {-self.code} ({signal.Signals(-self.code).name})"
        except ValueError:
            return f"was ended by signal {-self.code}"


@functools.cache
def boot_id() -> str:
    """Return the kernel's name for this life of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int, *, corpse: bool = False) -> ProcessIdentity | None:
    """Return the identity of process ``pid``, or None when there is none.

    One that has ended and whose parent has not looked at it yet counts only as a ``corpse``.
    """
    try:
        fields = _stat(f"/proc/{pid}/stat")
    except OSError:
        return None
    if fields[0] in (b"Z", b"X", b"x") and not corpse:
        return None
    return ProcessIdentity(pid=pid, start_ticks=int(fields[19]), boot_id=boot_id())


def _stat(path: str) -> list[bytes]:
    """Return the fields of a stat file behind the program's name, the state first (proc(5)).

    The name may have blanks and brackets in it. Raises :class:`OSError`.
    """
    return Path(path).read_bytes().rpartition(b")")[2].split()


def executable(pid: int) -> str | None:
    """Return the path of the program that ``pid`` runs, also after it was replaced on disk."""
    return _link(f"/proc/{pid}/exe").removesuffix(" (deleted)") or None


def served_directory(pid: int) -> str | None:
    """Return the data directory of a ``pocketbase serve`` process, or None when it is none.

    Where a link was named, it is the directory that the link leads to.
    """
    directory = _named_directory(pid)
    return None if directory is None else _link(directory) or directory


def named_directories() -> set[str]:
    """Return the data directories of all ``pocketbase serve`` processes, as they were named."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return {directory for pid in pids if (directory := _named_directory(pid)) is not None}


def _named_directory(pid: int) -> str | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    if "serve" not in words:
        return None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--dir="):
            return os.path.join(_link(f"/proc/{pid}/cwd"), word.removeprefix("--dir="))
        if word == "--dir":
            return os.path.join(_link(f"/proc/{pid}/cwd"), following)
    return None


def family(pid: int) -> tuple[int, ...]:
    """Return ``pid`` and its children: who serves may be the child of the process that is ours."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # the thread has ended
                found.extend(int(child) for child in _children(pid, task))
    return tuple(found)


def server(pid: int) -> int:
    """Return who of the family serves: a child of ``pid``, or itself."""
    children = (each for each in family(pid)[1:] if served_directory(each))
    return next(children, pid)


def leader(pid: int) -> int:
    """Return the process whose session ``pid`` is in; what we spawn leads one, with its children.

    Itself where there is none to be seen.
    """
    try:
        return int(_stat(f"/proc/{pid}/stat")[3]) or pid
    except OSError:
        return pid


def serving(
    root: Path, but: Callable[[int], bool] = lambda pid: False
) -> Iterator[tuple[str, ProcessIdentity]]:
    """Find every PocketBase that serves a directory under ``root``: directory and identity.

    But for the pids that need no look.
    """
    prefix = f"{root}{os.sep}"
    for entry in os.listdir("/proc"):
        if entry.isdigit() and not but(int(entry)):
            directory = served_directory(int(entry))
            if directory is not None and directory.startswith(prefix):
                identity = identify(int(entry))
                if identity is not None:
                    yield os.path.normpath(directory), identity


def open_files(pid: int) -> set[str]:
    """Return what the process has open; nothing when it is gone or not ours to look at."""
    folder = f"/proc/{pid}/fd"
    try:
        return {_link(f"{folder}/{fd}") for fd in os.listdir(folder)}
    except OSError:
        return set()


def activity(pid: int) -> float | None:
    """Return for how many seconds the process's threads have run, or waited for a core to run on.

    None when the kernel does not tell (proc(5), /proc/PID/task/TID/schedstat).
    """
    nanoseconds = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            ran, waited, _ = Path(f"/proc/{pid}/task/{thread}/schedstat").read_bytes().split()
            nanoseconds += int(ran) + int(waited)
    except (OSError, ValueError):
        return None
    return nanoseconds / 1e9


def bytes_moved(pid: int) -> int | None:
    """Return how many bytes the process has read and written, from and to wherever.

    None when the kernel does not tell (proc(5), /proc/PID/io).
    """
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        counts = dict(line.split(": ") for line in lines)
        return int(counts["rchar"]) + int(counts["wchar"])
    except (OSError, KeyError, ValueError):
        return None


def is_busy(pid: int) -> bool:
    """Whether a thread of the process runs, waits for a core to run on, or waits for a disk."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # the thread has ended
                if _stat(f"/proc/{pid}/task/{thread}/stat")[0] in (b"R", b"D"):
                    return True
    return False


def number_of(pid: int, file: str) -> int | None:
    """Return the number under which the process has ``file`` open, if it has."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for number in os.listdir(folder):
            if _link(f"{folder}/{number}") == file:
                return int(number)
    return None


def oom_kills(counter: Path = VMSTAT) -> int:
    """Return how many processes the kernel has killed for want of memory, by one of its counters.

    That of the whole machine, since boot, unless told that of a control group.
    """
    with contextlib.suppress(OSError):
        for line in counter.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _children(pid: int, task: str) -> list[str]:
    return Path(f"/proc/{pid}/task/{task}/children").read_text().split()


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
