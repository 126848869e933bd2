"""From how a process ended and what it wrote to the cause."""

from __future__ import annotations

import errno

import pytest

from actors.diagnosis import child_status, diagnose, spawn_failure
from actors.proc import ExitStatus
from bus.causes import REMEDY, Cause, Remedy

OBSERVED: list[tuple[str, Cause]] = [
    ("listen tcp 127.0.0.1:9000: bind: address already in use", Cause.PORT_IN_USE),
    ("listen tcp: address 99999: invalid port", Cause.UNKNOWN),
    ("listen tcp: address x: missing port in address", Cause.UNKNOWN),
    ("mkdir /dbs/file: not a directory", Cause.IO_ERROR),
    ("mkdir /dbs/bob: permission denied", Cause.PERMISSION_DENIED),
    ("attempt to write a readonly database (1544)", Cause.PERMISSION_DENIED),
    ("unable to open database file (14)", Cause.PERMISSION_DENIED),
    ("file is not a database (26)", Cause.DATA_CORRUPT),
    ("database disk image is malformed (11)", Cause.DATA_CORRUPT),
    (
        "failed to save applied migration info for 1640988000_init.go: "
        "database disk image is malformed (11)",
        Cause.DATA_CORRUPT,
    ),
    ("database is locked (5) (SQLITE_BUSY)", Cause.DATABASE_LOCKED),
    ('invalid settings db data or missing encryption key ""', Cause.UNKNOWN),
    ("cipher: message authentication failed", Cause.UNKNOWN),
    ("crypto/aes: invalid key size 5", Cause.UNKNOWN),
    (
        "failed to apply migration 1640988000_aux_init.go: disk I/O error (4874)\n"
        "SQL logic error: cannot rollback - no transaction is active (1)",
        Cause.DISK_FULL,
    ),
    ("database or disk is full (13)", Cause.DISK_FULL),
    ("Unable to refresh app types file: write x: no space left on device", Cause.DISK_FULL),
    (
        "panic: registerMigrations: failed to run migration 1_bad.js: SyntaxError: 1_bad.js: "
        "Line 3:7 Unexpected token\n\ngoroutine 1 [running]:",
        Cause.MIGRATION_FAILED,
    ),
    (
        "failed to apply migration 1_bad.js: Error: no at /m/1_bad.js:2:9(4)",
        Cause.MIGRATION_FAILED,
    ),
    ("panic: failed to execute a.pb.js:\n - ReferenceError: x is not defined", Cause.HOOK_FAILED),
    ("panic: onBootstrap hook failed to call e.next()", Cause.HOOK_FAILED),
    ("unknown flag: --x", Cause.UNKNOWN),
    ("socket: too many open files\nunable to open database file (14)", Cause.FD_LIMIT),
    ("unable to open database file (14)\nsocket: too many open files", Cause.FD_LIMIT),
    ("fatal error: runtime: out of memory", Cause.OUT_OF_MEMORY),
    ("fork/exec: cannot allocate memory", Cause.OUT_OF_MEMORY),
    ("", Cause.UNKNOWN),
]


@pytest.mark.parametrize("exit_code", [0, 1, 2])
@pytest.mark.parametrize(("output", "cause"), OBSERVED)
def test_every_observed_failure_has_its_cause(output: str, cause: Cause, exit_code: int) -> None:
    """What PocketBase writes at a failed start tells why, whatever its exit status."""
    status = ExitStatus(code=exit_code)
    assert (
        diagnose(status, f"2026/01/01 00:00:00 {output}", starting=True, oom_killed=False) is cause
    )


@pytest.mark.parametrize(
    ("code", "oom_killed", "cause"),
    [
        (-9, True, Cause.OUT_OF_MEMORY),
        (-9, False, Cause.KILLED),
        (None, True, Cause.OUT_OF_MEMORY),
        (-15, False, Cause.KILLED),
        (-11, False, Cause.KILLED),
        (0, False, Cause.UNKNOWN),
        (1, False, Cause.UNKNOWN),
        (None, False, Cause.UNKNOWN),
    ],
)
def test_a_silent_end_is_told_by_its_status(
    code: int | None, oom_killed: bool, cause: Cause
) -> None:
    """A signal has killed it, SIGKILL perhaps for want of memory; the rest is not known."""
    assert diagnose(ExitStatus(code=code), "", starting=False, oom_killed=oom_killed) is cause


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOENT, Cause.BINARY_MISSING),
        (errno.ENOTDIR, Cause.BINARY_MISSING),
        (errno.EMFILE, Cause.FD_LIMIT),
        (errno.ENFILE, Cause.FD_LIMIT),
        (errno.ENOMEM, Cause.OUT_OF_MEMORY),
        (errno.EAGAIN, Cause.OUT_OF_MEMORY),
        (errno.EACCES, Cause.SPAWN_FAILED),
        (errno.ENOEXEC, Cause.SPAWN_FAILED),
    ],
)
def test_a_process_that_cannot_be_spawned_has_a_cause(number: int, cause: Cause) -> None:
    """The kernel's error number tells why."""
    assert spawn_failure(OSError(number, "")) is cause


ONLY_A_PERSON = {
    Cause.DATA_MISSING,
    Cause.DATA_CORRUPT,
    Cause.DATA_FOREIGN,
    Cause.DATA_NEWER,
    Cause.MIGRATION_FAILED,
    Cause.HOOK_FAILED,
    Cause.PERMISSION_DENIED,
    Cause.UPGRADE_FAILED,
}


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_remedy(cause: Cause) -> None:
    """A taken port is changed, what only a person can mend is left, the rest is tried again."""
    if cause is Cause.PORT_IN_USE:
        assert REMEDY[cause] is Remedy.NEXT_PORT
    elif cause in ONLY_A_PERSON:
        assert REMEDY[cause] is Remedy.PERSON
    else:
        assert REMEDY[cause] is Remedy.BACK_OFF


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with status 0"),
        (2, "exited with status 2"),
        (-9, "was ended by signal 9 (SIGKILL)"),
        (-99, "was ended by signal 99"),
        (None, "ended (adopted from a former manager, so how is not known)"),
    ],
)
def test_an_exit_status_is_told_in_words(code: int | None, words: str) -> None:
    """How a process ended can be read."""
    assert str(ExitStatus(code=code)) == words


def test_what_a_running_instance_wrote_is_no_cause() -> None:
    """A hook may write anything; once an instance ran, only the want of memory is read there."""
    for output in ("permission denied", "a.pb.js", "file is not a database"):
        status = ExitStatus(code=1)
        assert diagnose(status, output, starting=False, oom_killed=False) is Cause.UNKNOWN
    output = "fatal error: runtime: out of memory"
    status = ExitStatus(code=2)
    assert diagnose(status, output, starting=False, oom_killed=False) is Cause.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("code", "last_line", "child"),
    [
        (1, "Error: signal: killed", -9),
        (1, "Error: signal: segmentation fault", -11),
        (1, "Error: exit status 2\n", 2),
        (1, "Error: signal: of the times", -1),
        (1, "Error: exit status 2\nand more", 1),
        (0, "Error: signal: killed", 0),
        (-9, "Error: exit status 2", -9),
        (None, "Error: signal: killed", None),
    ],
)
def test_how_a_child_ended_is_told_by_its_parent(
    code: int | None, last_line: str, child: int | None
) -> None:
    """Litestream ends with status 1 and says in its last line how PocketBase ended."""
    status = child_status(ExitStatus(code=code), f"Server started\n{last_line}")
    assert status.code == child
