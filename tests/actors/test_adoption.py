"""Processes that a former manager has started: adopted only when they are exactly the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from actors import proc
from actors.clock import LoopClock
from actors.proc import ProcessIdentity
from actors.process import LAST_OUTPUT, Processes
from tests.actors.children import ended, kill_pid, told, waiting
from tests.actors.fakes import PATIENCE
from tests.leftovers import nothing_left


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that another manager has started, as far as ours knows."""
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


def identity_of(pid: int) -> ProcessIdentity:
    """Return the identity of a process that lives."""
    identity = proc.identify(pid)
    assert identity is not None
    return identity


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_the_exact_process_is_adopted(
    processes: Processes, stranger: subprocess.Popen[bytes], log: Path
) -> None:
    """Its end is told within moments, though how it ended is not known."""
    process = processes.adopt(identity_of(stranger.pid), log)
    assert process is not None
    assert process.pid == stranger.pid
    assert processes.is_managed(stranger.pid)
    exits = told(process)
    assert exits.empty()
    process.terminate()
    assert exits.get(timeout=PATIENCE).code is None
    assert stranger.wait(PATIENCE) == -15


def test_an_adopted_process_that_is_reaped_is_signalled_in_vain(
    processes: Processes, stranger: subprocess.Popen[bytes], log: Path, clock: LoopClock
) -> None:
    """Between its end and the news of it nothing else is hit."""
    process = processes.adopt(identity_of(stranger.pid), log)
    assert process is not None
    stranger.kill()
    stranger.wait(PATIENCE)
    process.terminate()
    process.kill()
    assert told(process).get(timeout=PATIENCE).code is None


@pytest.mark.parametrize(
    "difference",
    [{"start_ticks": 1}, {"start_ticks": 2**40}, {"boot_id": "another life"}],
)
def test_what_differs_in_one_point_is_not_adopted(
    processes: Processes,
    stranger: subprocess.Popen[bytes],
    log: Path,
    difference: dict[str, object],
) -> None:
    """A process with another start, or of another life of the machine, is a stranger."""
    identity = msgspec.structs.replace(identity_of(stranger.pid), **difference)
    with nothing_left():
        assert processes.adopt(identity, log) is None
    assert not processes.is_managed(stranger.pid)
    assert stranger.poll() is None


def test_a_dead_process_is_not_adopted(
    processes: Processes, stranger: subprocess.Popen[bytes], log: Path
) -> None:
    """Neither a corpse nor a number that nobody has is adopted."""
    identity = identity_of(stranger.pid)
    stranger.kill()
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped
    assert processes.adopt(identity, log) is None
    stranger.wait(PATIENCE)
    assert processes.adopt(identity, log) is None


def test_a_process_of_ours_is_handed_to_a_new_owner(processes: Processes, tmp_path: Path) -> None:
    """Adopting what is managed already gives the same process, with its exit status."""
    process = processes.spawn(waiting(tmp_path))
    with ended(process):
        assert processes.adopt(process.identity, tmp_path / "child.log") is process
        exits = told(process)
        process.kill()
        assert exits.get(timeout=PATIENCE).code == -9
    assert processes.adopt(process.identity, tmp_path / "child.log") is None


def test_our_process_with_another_start_is_none_of_ours(
    processes: Processes, tmp_path: Path
) -> None:
    """A record of an earlier process with the same number finds nobody."""
    process = processes.spawn(waiting(tmp_path))
    with ended(process):
        identity = msgspec.structs.replace(process.identity, start_ticks=1)
        assert processes.adopt(identity, tmp_path / "child.log") is None


def test_two_managers_may_watch_one_process(
    processes: Processes, clock: LoopClock, tmp_path: Path
) -> None:
    """A process that was left by a manager is told to its next one."""
    process = processes.spawn(waiting(tmp_path))
    with ended(process):
        other = Processes(clock).adopt(process.identity, tmp_path / "child.log")
        assert other is not None
        assert other is not process
        exits = told(other)
        kill_pid(process.pid)
        assert exits.get(timeout=PATIENCE).code is None


def test_the_last_output_of_an_adopted_process(
    processes: Processes, stranger: subprocess.Popen[bytes], log: Path
) -> None:
    """What it wrote shortly before it was adopted counts as its own, a long past does not."""
    log.write_text("old\n" * LAST_OUTPUT + "shortly before\n")
    process = processes.adopt(identity_of(stranger.pid), log)
    assert process is not None
    assert process.last_output().endswith("shortly before")
    assert len(process.last_output()) <= LAST_OUTPUT


def test_adopting_without_a_log(
    processes: Processes, stranger: subprocess.Popen[bytes], log: Path
) -> None:
    """A log that is gone is no reason to leave a process alone."""
    process = processes.adopt(identity_of(stranger.pid), log)
    assert process is not None
    assert process.last_output() == ""
