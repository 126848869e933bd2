"""OS processes: spawned, watched, signalled."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from actors import process as module
from actors.proc import ExitStatus
from actors.process import LAST_OUTPUT, Processes, pocketbase_version, redacted
from bus.causes import Cause
from bus.errors import InstanceIOError, ProcessError
from tests.actors.children import (
    SAY,
    Signal,
    ended,
    exit_code,
    python,
    shell,
    spawn_saying,
    spec,
    told,
    waiting,
)
from tests.actors.fakes import PATIENCE
from tests.leftovers import nothing_left

LIST_FILES = f"""{SAY}
import time
folder = "/proc/self/fd"
links = [f"{{folder}}/{{fd}}" for fd in os.listdir(folder) if int(fd) > 2]
say(*(os.readlink(link) for link in links if os.path.exists(link)))
time.sleep(600)
"""


@pytest.fixture
def said() -> Iterator[Signal]:
    signal = Signal()
    yield signal
    signal.close()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", -9), ("kill $$", -15)]
)
def test_an_exit_is_told_with_its_status(
    processes: Processes, tmp_path: Path, script: str, code: int
) -> None:
    """The end of a process is told at once, with its exit status or signal."""
    process = processes.spawn(shell(tmp_path, script))
    assert exit_code(process) == code
    assert process.exited
    assert not processes.is_managed(process.pid)


def test_an_exit_is_told_once(processes: Processes, tmp_path: Path) -> None:
    """However often a process is signalled, its end comes once."""
    process = processes.spawn(waiting(tmp_path))
    exits = told(process)
    assert processes.is_managed(process.pid)
    for _ in range(5):
        process.kill()
    assert exits.get(timeout=PATIENCE).code == -9
    assert exit_code(processes.spawn(shell(tmp_path, "exit 0"))) == 0  # the clock has gone on
    assert exits.empty()


def test_a_late_watcher_is_told_at_once(processes: Processes, tmp_path: Path) -> None:
    """Whoever begins to watch a process that is gone learns it."""
    process = processes.spawn(shell(tmp_path, "exit 4"))
    assert exit_code(process) == 4
    assert told(process).get_nowait().code == 4


def test_a_new_owner_is_told_and_the_former_not(processes: Processes, tmp_path: Path) -> None:
    """Watching hands the process over."""
    process = processes.spawn(waiting(tmp_path))
    former, owner = told(process), told(process)
    process.kill()
    assert owner.get(timeout=PATIENCE).code == -9
    assert former.empty()


def test_owners_may_change_while_it_ends(processes: Processes, tmp_path: Path) -> None:
    """Whoever watches when the process ends is told, also if it ends in that very moment."""
    for _ in range(20):
        process = processes.spawn(waiting(tmp_path))
        process.kill()
        owners = [told(process) for _ in range(20)]
        assert owners[-1].get(timeout=PATIENCE).code == -9
        assert all(owner.qsize() <= 1 for owner in owners)


def test_many_exits_at_once_are_all_told(processes: Processes, tmp_path: Path) -> None:
    """No end is lost in a crowd, and each has its own status."""
    children = [processes.spawn(shell(tmp_path, f"exit {n}")) for n in range(40)]
    assert [exit_code(child) for child in children] == list(range(40))


def test_terminate_asks_and_kill_ends(processes: Processes, tmp_path: Path, said: Signal) -> None:
    """A process may ignore SIGTERM, but not SIGKILL."""
    script = "import signal; signal.signal(signal.SIGTERM, lambda *_: say('asked')); say('ready')"
    process, word = spawn_saying(processes, tmp_path, script, said)
    with ended(process):
        assert word == "ready"
        exits = told(process)
        process.terminate()
        assert said.wait() == b"asked"
        assert exits.empty()
        process.kill()
        assert exits.get(timeout=PATIENCE).code == -9


def test_a_signal_after_the_exit_is_harmless(processes: Processes, tmp_path: Path) -> None:
    """Signalling what is gone does nothing."""
    process = processes.spawn(shell(tmp_path, "exit 0"))
    assert exit_code(process) == 0
    process.terminate()
    process.kill()


def test_a_signal_between_exit_and_news_is_harmless(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is reaped already, while that is not told yet, is signalled in vain."""
    reaped, go_on = threading.Event(), threading.Event()
    gone = module.ManagedProcess.gone

    def slowly(process: module.ManagedProcess, status: ExitStatus) -> None:
        reaped.set()
        assert go_on.wait(PATIENCE)
        gone(process, status)

    monkeypatch.setattr(module.ManagedProcess, "gone", slowly)
    process = processes.spawn(shell(tmp_path, "exit 0"))
    assert reaped.wait(PATIENCE)
    try:
        process.terminate()
        process.kill()
    finally:
        go_on.set()
    assert exit_code(process) == 0


def test_signals_and_exits_do_not_meet_badly(processes: Processes, tmp_path: Path) -> None:
    """Threads that signal processes while these end hit nothing else and never fail."""
    with ThreadPoolExecutor(4) as pool:
        for _ in range(15):
            process = processes.spawn(shell(tmp_path, "exit 0"))
            futures = [pool.submit(process.terminate) for _ in range(20)]
            for future in futures:
                future.result(PATIENCE)
            assert exit_code(process) in (0, -15)


def test_the_log_is_private_and_appended_to(processes: Processes, tmp_path: Path) -> None:
    """Output and errors of every run stand in one file that nobody else may read."""
    for number in (1, 2):
        assert exit_code(processes.spawn(shell(tmp_path, f"echo out {number}; echo err >&2"))) == 0
    log = tmp_path / "child.log"
    assert log.read_text() == "out 1\nerr\nout 2\nerr\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_last_output_is_that_of_this_run(processes: Processes, tmp_path: Path) -> None:
    """What an earlier process wrote is not said of a later one."""
    first = processes.spawn(shell(tmp_path, "echo of the first"))
    assert exit_code(first) == 0
    second = processes.spawn(shell(tmp_path, "echo of the second"))
    assert exit_code(second) == 0
    assert second.last_output() == "of the second"
    silent = processes.spawn(shell(tmp_path, "exit 0"))
    assert exit_code(silent) == 0
    assert silent.last_output() == ""


def test_the_last_output_is_bounded(processes: Processes, tmp_path: Path) -> None:
    """Of a flood only the end is told, and bytes that are no text do not hurt."""
    script = "import sys; sys.stdout.buffer.write(b'x' * 100_000 + b'\\xff the end\\n')"
    process = processes.spawn(python(tmp_path, script))
    assert exit_code(process) == 0
    assert len(process.last_output()) <= LAST_OUTPUT
    assert process.last_output().endswith("\N{REPLACEMENT CHARACTER} the end")


def test_the_last_output_outlives_a_rotation(processes: Processes, tmp_path: Path) -> None:
    """What was written before its log began anew is still among the last that a process wrote."""
    written, go_on = tmp_path / "written", tmp_path / "go_on"
    os.mkfifo(written)
    os.mkfifo(go_on)
    script = f"echo 'of the second'; echo > {written}; read x < {go_on}; echo 'the last'; exit 1"
    assert exit_code(processes.spawn(shell(tmp_path, "echo of the first"))) == 0
    process = processes.spawn(shell(tmp_path, script))
    written.read_text()
    assert process.rotate_log(largest=1000, parts=1) == 0
    assert process.rotate_log(largest=20, parts=1) > 0
    go_on.write_text("go on")
    assert exit_code(process) == 1
    assert process.last_output() == "of the second\nthe last"


def test_a_log_that_is_gone_says_nothing(processes: Processes, tmp_path: Path) -> None:
    """A removed log is no error."""
    process = processes.spawn(shell(tmp_path, "echo x"))
    assert exit_code(process) == 0
    (tmp_path / "child.log").unlink()
    assert process.last_output() == ""


def test_a_child_stands_on_its_own(processes: Processes, tmp_path: Path, said: Signal) -> None:
    """It leads a session, has no input, its own folder and environment, and a private umask."""
    script = """
umask = os.umask(0)
say(os.getsid(0) == os.getpid(), os.readlink("/proc/self/fd/0"), oct(umask),
    os.getcwd(), ",".join(sorted(set(os.environ) - {"LC_CTYPE"})))
"""
    process, word = spawn_saying(processes, tmp_path, script, said)
    with ended(process):
        assert word == f"True /dev/null 0o77 {tmp_path} GREETING,PATH"


def test_a_child_inherits_only_what_it_is_given(
    processes: Processes, tmp_path: Path, said: Signal
) -> None:
    """Of the manager's open files a child has those named, and no other."""
    with open(tmp_path / "kept", "w") as kept, open(tmp_path / "private", "w"):
        child = python(tmp_path, LIST_FILES, str(said.port), keep_open=[kept.fileno()])
        process = processes.spawn(child)
        with ended(process):
            names = said.wait().decode().split()
            assert [name for name in names if name.startswith("/")] == [str(tmp_path / "kept")]


def test_a_missing_binary_is_told(processes: Processes, tmp_path: Path) -> None:
    """What cannot be found is named, with the words of the operating system."""
    with pytest.raises(ProcessError) as error:
        processes.spawn(spec(tmp_path, "/no/such/pocketbase"))
    assert error.value.message == (
        "Process error: Failed to spawn PocketBase process: "
        "No such file or directory (os error 2): /no/such/pocketbase"
    )
    assert error.value.failure.cause is Cause.BINARY_MISSING


def test_a_binary_that_may_not_run_is_told(processes: Processes, tmp_path: Path) -> None:
    """What is not executable is another cause than what is missing."""
    binary = tmp_path / "pocketbase"
    binary.write_text("no program")
    with pytest.raises(ProcessError, match=r"Permission denied \(os error 13\)") as error:
        processes.spawn(spec(tmp_path, str(binary)))
    assert error.value.failure.cause is Cause.SPAWN_FAILED


def test_a_failed_spawn_leaves_nothing_open(processes: Processes, tmp_path: Path) -> None:
    """Neither log nor pipe stays open when a process could not be spawned."""
    with nothing_left():
        for _ in range(5):
            with pytest.raises(ProcessError):
                processes.spawn(spec(tmp_path, "/no/such/pocketbase"))


def test_an_ended_process_leaves_nothing_open(processes: Processes, tmp_path: Path) -> None:
    """What was open for a process is closed with it, and it is no zombie."""
    with nothing_left():
        children = [processes.spawn(shell(tmp_path, "exit 0")) for _ in range(5)]
        assert [exit_code(child) for child in children] == [0] * 5
    assert not [child for child in children if Path(f"/proc/{child.pid}").exists()]


def test_a_process_that_cannot_be_watched_is_not_left(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no pidfd can be had, the child is ended again and the spawn has failed."""
    pids: list[int] = []

    def exhausted(pid: int) -> int:
        pids.append(pid)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", exhausted)
    with pytest.raises(ProcessError, match=r"Too many open files \(os error 24\)") as error:
        processes.spawn(waiting(tmp_path))
    assert error.value.failure.cause is Cause.FD_LIMIT
    assert not Path(f"/proc/{pids[0]}").exists()


def test_a_log_that_cannot_be_written_is_told(processes: Processes, tmp_path: Path) -> None:
    """Where the log cannot be opened nothing is started."""
    (tmp_path / "child.log").mkdir()
    with pytest.raises(InstanceIOError, match=r"^IO error: cannot write the log .*child\.log"):
        processes.spawn(waiting(tmp_path))


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo pocketbase version 0.40.6", "0.40.6"),
        ("echo 1.2.3-rc.1", "1.2.3-rc.1"),
        ("echo pocketbase version 0.40.6; exit 1", None),
        ("echo something else", None),
        ("exit 0", None),
    ],
)
def test_the_version_is_what_the_binary_says(
    tmp_path: Path, script: str, version: str | None
) -> None:
    """A version is a word that begins with a digit, of a binary that ran well."""
    binary = tmp_path / "pocketbase"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o700)
    assert pocketbase_version(str(binary)) == version


def test_a_binary_that_cannot_run_has_no_version() -> None:
    """Asking what is not there for its version is no error."""
    assert pocketbase_version("/no/such/pocketbase") is None


def test_the_installers_token_is_told_to_nobody() -> None:
    """PocketBase's link for the first superuser is a key: what is told has it cut out."""
    link = "http://127.0.0.1:9000/_/#/pbinstall/eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2ln"
    told = redacted(f"(!) Launch the URL below:\n{link}\nand go on")

    assert "eyJ" not in told
    assert told.endswith("pbinstall/(hidden)\nand go on")
