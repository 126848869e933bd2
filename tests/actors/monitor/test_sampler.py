"""What one process takes, seen on real ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from actors.monitor import sampler as sampling
from actors.monitor.sampler import (
    FIRST_INTERVAL,
    LONGEST_INTERVAL,
    MEMORY_INTERVAL,
    ProcessSampler,
)
from actors.proc import ProcessIdentity, identify

BURN = "import os\nwhile os.times().user < 0.3: pass\nprint(flush=True); input()"
GROW = "input(); x = b'x' * 30_000_000; print(flush=True); input()"


class Child:
    """A Python process that goes on when it is told to."""

    def __init__(self, script: str) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-S", "-c", script]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        identity = identify(self.process.pid)
        assert identity is not None
        self.identity: ProcessIdentity = identity

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def await_line(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_cpu_time_is_told_in_percent_of_one_core() -> None:
    """The first look counts from the start of the process, each further one from the last."""
    with Child(BURN) as child:
        child.await_line()
        sampler = ProcessSampler(child.identity, since=100.0)
        first, second = sampler.sample(102.0), sampler.sample(112.0)
        spent = psutil.Process(child.process.pid).cpu_times()
    assert first.cpu_seconds == pytest.approx(spent.user + spent.system, abs=0.02)
    assert first.cpu_seconds >= 0.3
    assert first.cpu_percent == pytest.approx(100 * first.cpu_seconds / 2, abs=0.5)
    assert second.cpu_percent == pytest.approx(0.0, abs=0.2)


def test_memory_is_the_processs_share_and_looked_at_less_often() -> None:
    """PSS as the kernel has it; it is asked again when the last answer is old."""
    with Child(GROW) as child:
        sampler = ProcessSampler(child.identity, since=0.0)
        before = sampler.sample(0.0).memory_bytes
        child.go_on()
        child.await_line()
        assert sampler.sample(FIRST_INTERVAL / 2).memory_bytes == before
        after = sampler.sample(FIRST_INTERVAL).memory_bytes
        rollup = Path(f"/proc/{child.process.pid}/smaps_rollup").read_text().splitlines()
    (pss,) = [int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:")]
    assert after == pytest.approx(pss, rel=0.05)
    assert after - before > 25_000_000


WORK = "input()\nimport os\nwhile os.times().user < 0.3: pass\nprint(flush=True); input()"


def test_the_memory_of_who_did_nothing_is_looked_at_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what it was; of who has worked, it is looked at within a minute or so."""
    looks: list[int] = []

    def memory_of(process: psutil.Process) -> int:
        looks.append(process.pid)
        return 1

    monkeypatch.setattr(sampling, "memory_of", memory_of)
    with Child(WORK) as child:
        sampler = ProcessSampler(child.identity, since=0.0)
        for at in (0.0, FIRST_INTERVAL, 10.0, 0.7 * LONGEST_INTERVAL):
            sampler.sample(at)
        assert len(looks) == 2
        sampler.sample(2 * LONGEST_INTERVAL)
        assert len(looks) == 3
        child.go_on()
        child.await_line()
        sampler.sample(2 * LONGEST_INTERVAL + 10.0)
        assert len(looks) == 3
        sampler.sample(2 * LONGEST_INTERVAL + 1.3 * MEMORY_INTERVAL)
        assert len(looks) == 4


def test_a_child_that_serves_counts_too() -> None:
    """A replicating parent starts PocketBase as its child; other children do not count."""
    burn = f"{BURN!r}"
    start = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', "
    with Child(f"{start}{burn}, 'serve', '--dir=/x'])") as parent:
        parent.await_line()
        assert ProcessSampler(parent.identity, since=0.0).sample(1.0).cpu_seconds >= 0.3
    with Child(f"{start}{burn}])") as parent:
        parent.await_line()
        assert ProcessSampler(parent.identity, since=0.0).sample(1.0).cpu_seconds < 0.3


def test_without_leave_to_see_the_share_the_private_memory_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the system keeps PSS from us, what the process shares with nobody is near to it."""

    def refused(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    with Child(GROW) as child:
        child.go_on()
        child.await_line()
        known = ProcessSampler(child.identity, since=0.0).sample(0.0).memory_bytes
        monkeypatch.setattr(psutil.Process, "memory_full_info", refused)
        guessed = ProcessSampler(child.identity, since=0.0).sample(0.0).memory_bytes
    assert guessed == pytest.approx(known, rel=0.2)


def test_a_process_that_is_gone_is_told_as_such() -> None:
    """Nobody there, before the first look or at a later one."""
    with Child(BURN) as child:
        sampler = ProcessSampler(child.identity, since=0.0)
        sampler.sample(1.0)
    with pytest.raises(ProcessLookupError):
        sampler.sample(2.0)
    with pytest.raises(ProcessLookupError):
        ProcessSampler(child.identity, since=0.0)
