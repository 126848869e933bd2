"""Diagnosis: from how a process ended and what it wrote to the cause. Pure."""

from __future__ import annotations

import errno
import re
import signal

from actors.proc import ExitStatus
from bus.causes import Cause

CHILD_ENDED = re.compile(r"Error: (?:exit status (?P<status>\d+)|signal: (?P<signal>[\w ]+?))\s*\Z")
"""The last line of Litestream 0.5.17 when its child ended by itself."""
SIGNALS = {(signal.strsignal(each) or "").lower(): int(each) for each in signal.Signals}
"""Their numbers by their names in words, as Go writes them."""

SIGNS: tuple[tuple[str, Cause], ...] = (
    ("bind: address already in use", Cause.PORT_IN_USE),
    ("file is not a database", Cause.DATA_CORRUPT),
    ("database disk image is malformed", Cause.DATA_CORRUPT),
    ("disk I/O error (4874)", Cause.DISK_FULL),
    ("database or disk is full", Cause.DISK_FULL),
    ("no space left on device", Cause.DISK_FULL),
    ("database is locked", Cause.DATABASE_LOCKED),
    ("too many open files", Cause.FD_LIMIT),
    ("failed to apply migration", Cause.MIGRATION_FAILED),
    ("registerMigrations", Cause.MIGRATION_FAILED),
    (".pb.js", Cause.HOOK_FAILED),
    ("onBootstrap", Cause.HOOK_FAILED),
    ("attempt to write a readonly database", Cause.PERMISSION_DENIED),
    ("permission denied", Cause.PERMISSION_DENIED),
    ("unable to open database file", Cause.PERMISSION_DENIED),
    ("not a directory", Cause.IO_ERROR),
    ("runtime: out of memory", Cause.OUT_OF_MEMORY),
    ("fatal error: out of memory", Cause.OUT_OF_MEMORY),
    ("cannot allocate memory", Cause.OUT_OF_MEMORY),
)
"""What PocketBase 0.40.6 writes, and what it means; the first that fits counts.

What ails the machine comes before the migration that it stopped: a full disk is not for ever.
"""


def diagnose(status: ExitStatus, output: str, *, starting: bool, oom_killed: bool) -> Cause:
    """Return why a process ended that nobody asked to end.

    What it wrote counts only while it was ``starting``: later, a user's own hook may have written
    anything. ``oom_killed``: the kernel ended it for want of memory.
    """
    if oom_killed:
        return Cause.OUT_OF_MEMORY
    if status.code is not None and status.code < 0:
        return Cause.KILLED
    for sign, cause in SIGNS:
        if sign in output and (starting or cause is Cause.OUT_OF_MEMORY):
            return cause
    return Cause.UNKNOWN


def child_status(status: ExitStatus, output: str) -> ExitStatus:
    """Return how PocketBase ended, where its parent ended with it and wrote how in its last line.

    A replicating parent ends with status 1 whatever its child ended with.
    """
    if status.code == 1:
        ended = CHILD_ENDED.search(output)
        if ended is not None:
            number, name = ended["status"], ended["signal"]
            return ExitStatus(code=int(number) if number else -SIGNALS.get(name, 1))
    return status


def spawn_failure(error: OSError) -> Cause:
    """Return why a process could not be spawned."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return Cause.BINARY_MISSING
        case errno.EMFILE | errno.ENFILE:
            return Cause.FD_LIMIT
        case errno.ENOMEM | errno.EAGAIN:
            return Cause.OUT_OF_MEMORY
    return Cause.SPAWN_FAILED


def io_failure(error: OSError) -> Cause:
    """Return why the system refused what a start needs beside the process."""
    match error.errno:
        case errno.EMFILE | errno.ENFILE:
            return Cause.FD_LIMIT
        case errno.ENOSPC | errno.EDQUOT:
            return Cause.DISK_FULL
    return Cause.IO_ERROR
