"""The guard, as the process that it is."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from actors.clock import boottime
from actors.cluster.watchman import Watchman
from actors.isolation.tenants import open_group
from actors.process import Piped, pipe_to
from tests.cluster.tenants import apart, tenant
from tests.house.surroundings import PATIENCE, await_end, eventually

FAR = 3600.0


@contextmanager
def watchman(mark: str) -> Iterator[tuple[Watchman, Future[None]]]:
    """Yield one that looks on, and when it says that everything was killed."""
    fenced: Future[None] = Future()
    made = Watchman(mark, (), lambda: fenced.set_result(None))
    made.until(boottime() + FAR, patience=PATIENCE)
    try:
        yield made, fenced
    finally:
        made.close()


def test_at_the_deadline_all_tenants_are_killed() -> None:
    """Those that heed nothing, too, and their children; nobody else's."""
    with (
        watchman(apart("guard-1")) as (guard, fenced),
        tenant(apart("guard-1"), obstinate=True) as ours,
        tenant(apart("guard-1") + "-other") as theirs,
    ):
        guard.until(boottime() + 0.3)
        fenced.result(PATIENCE)
        assert ours.wait(PATIENCE) == -signal.SIGKILL
        assert theirs.poll() is None


def test_a_later_deadline_keeps_them_alive() -> None:
    """What was told last counts."""
    with watchman(apart("guard-2")) as (guard, fenced), tenant(apart("guard-2")) as ours:
        guard.until(boottime() + 0.2)
        guard.until(boottime() + FAR)
        with pytest.raises(TimeoutError):
            fenced.result(0.5)
        assert ours.poll() is None


def test_who_comes_late_is_killed_until_there_is_a_deadline_ahead() -> None:
    """After a sweep nobody lives, until it is allowed again."""
    with watchman(apart("guard-3")) as (guard, _):
        assert guard.sweep(PATIENCE)
        with tenant(apart("guard-3")) as late:
            assert late.wait(PATIENCE) == -signal.SIGKILL
        guard.until(boottime() + FAR, patience=PATIENCE)
        with tenant(apart("guard-3")) as allowed:
            assert guard.sweep(PATIENCE)
            assert allowed.wait(PATIENCE) == -signal.SIGKILL


def test_the_end_of_the_manager_is_the_end_of_all() -> None:
    """A closed input is as good as a deadline."""
    with watchman(apart("guard-4")) as (guard, _), tenant(apart("guard-4")) as ours:
        guard.close()
        assert ours.wait(PATIENCE) == -signal.SIGKILL


def test_what_cannot_be_killed_is_left_to_the_guard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for its disk, say: the manager ends without it, and says so."""
    monkeypatch.setattr("actors.cluster.watchman.LAST_SWEEP", 0.1)
    guard = Watchman(apart("guard-7"), (), lambda: None)
    os.kill(guard.pid, signal.SIGSTOP)  # as one that goes on sweeping, it does not end
    try:
        guard.close()
        assert f"the guard, pid {guard.pid}, goes on trying" in caplog.text
    finally:
        os.kill(guard.pid, signal.SIGCONT)
        await_end(guard.pid)


def test_a_guard_that_dies_is_replaced() -> None:
    """The next one knows the deadline."""
    with watchman(apart("guard-5")) as (guard, fenced), tenant(apart("guard-5")) as ours:
        guard.until(boottime() + 1.0)
        dead = guard.pid
        os.kill(dead, signal.SIGKILL)
        await_end(dead)
        eventually(lambda: guard.pid != dead, "another guard is there")
        fenced.result(PATIENCE)
        assert ours.wait(PATIENCE) == -signal.SIGKILL


def test_without_a_guard_nobody_runs_and_nobody_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other one can be started all is ended from here, until one can be."""
    refusals = [OSError(errno.EAGAIN, "no process left")] * 2
    refused = threading.Event()

    def refuse(command: Sequence[str]) -> Piped:
        if refusals:
            refused.set()
            raise refusals.pop()
        return pipe_to(command)

    said: SimpleQueue[None] = SimpleQueue()
    guard = Watchman(apart("guard-6"), (), lambda: said.put(None))
    try:
        guard.until(boottime() + FAR, patience=PATIENCE)
        monkeypatch.setattr("actors.cluster.watchman.pipe_to", refuse)
        with tenant(apart("guard-6")) as ours:
            os.kill(guard.pid, signal.SIGKILL)
            said.get(timeout=PATIENCE)
            assert ours.wait(PATIENCE) == -signal.SIGKILL
        assert refused.is_set()
        assert not guard.sweep(0.01)
        eventually(lambda: guard.sweep(0.2), "there is a guard again")
        guard.until(boottime() + FAR, patience=PATIENCE)
        with tenant(apart("guard-6")) as allowed, pytest.raises(subprocess.TimeoutExpired):
            allowed.wait(0.2)
    finally:
        guard.close()


def test_the_group_of_the_next_manager_is_left(tmp_path: Path) -> None:
    """It ends after the manager, when another may be here that begins in the same group."""
    group = open_group(tmp_path)
    if group is None:
        pytest.skip("no control group of version 2 can be made here")
    made = Watchman(apart("guard-group"), (group.kill_file,), lambda: None)
    made.close()
    assert group.kill_file.exists()
    group.close()
    assert not group.kill_file.exists()
