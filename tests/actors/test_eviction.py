"""Strays on a user's directory are ended, one way or the other, before its own may start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import proc
from actors.attempt import LOCK_LOOK, LOCK_LOOKS
from actors.lock import DirectoryLock
from actors.strays import Strays
from bus.causes import Cause
from bus.states import Status
from tests.actors.fakes import FakeProcess, make_database
from tests.actors.house import House
from tests.actors.test_lock import OPEN, running


def found(house: House, *, count: int = 1) -> list[FakeProcess]:
    """Have strays on alice's directory, found by a scan."""
    strays = [house.processes.stranger(house.layout.data("alice")) for _ in range(count)]
    house.services.strays.scan()
    return strays


def test_a_stray_is_asked_to_end_first(house: House) -> None:
    """Nothing is started on a directory that a stray serves; it is started when that is gone."""
    (stray,) = found(house)
    caller = house.init()
    assert stray.signals == ["TERM"]
    assert not house.processes.spawned
    stray.end()
    house.settle()
    house.ready()
    assert caller.instance().status is Status.RUNNING
    assert house.process() is not stray


def test_a_stray_that_ignores_sigterm_is_killed(house: House) -> None:
    """It has the time that every process has to end."""
    (stray,) = found(house)
    house.init()
    house.advance(house.settings.stop_timeout)
    assert stray.signals == ["TERM", "KILL"]
    stray.end(-9)
    house.settle()
    house.ready()
    assert house.status() is Status.RUNNING


def test_a_stray_that_does_not_die_lets_the_start_fail(house: House) -> None:
    """The start has its deadline, and beside a stray nothing is started."""
    (stray,) = found(house)
    caller = house.init()
    house.advance(house.settings.start_timeout)
    assert caller.error().code == "start_timeout"
    assert house.processes.living() == [stray]


def test_several_strays_are_all_waited_for(house: House) -> None:
    """The start goes on once when the last one is gone, however many there were."""
    strays = found(house, count=3)
    house.init()
    for stray in strays:
        assert not house.processes.spawned
        stray.end()
        house.settle()
    house.ready()
    assert house.status() is Status.RUNNING
    assert len(house.processes.spawned) == 1


def test_strays_that_end_in_the_same_moment(house: House) -> None:
    """News of several ends, all after the last end, start one process."""
    strays = found(house, count=3)
    house.init()
    on_exits = [stray._on_exit for stray in strays]
    for stray in strays:
        stray._on_exit = None
        stray.end()
    for stray, on_exit in zip(strays, on_exits, strict=True):
        assert on_exit is not None
        assert stray._status is not None
        on_exit(stray._status)
    house.settle()
    assert len(house.processes.spawned) == 1
    assert not house.process().signals
    house.ready()
    assert house.status() is Status.RUNNING


def test_a_holder_of_the_lock_who_cannot_be_found(house: House) -> None:
    """A lock that somebody unknown holds is a failure that says so."""
    lock = DirectoryLock.take(house.layout.lock("alice"))
    assert lock is not None
    caller = house.init()
    house.advance((LOCK_LOOKS + 0.5) * LOCK_LOOK)
    error = caller.error()
    assert error.message == (
        "Process error: a process that cannot be found or ended holds "
        f"{house.layout.data('alice')}: end it, then call init_pb"
    )
    failure = house.record().failure
    assert failure is not None
    assert failure.cause is Cause.DIRECTORY_IN_USE
    lock.close()
    house.advance(1)
    house.ready()
    assert house.status() is Status.RUNNING


def test_a_holder_of_the_lock_who_is_going(house: House) -> None:
    """Who dies has no command line any more and the lock still: its end is waited for."""
    lock = DirectoryLock.take(house.layout.lock("alice"))
    assert lock is not None
    caller = house.init()
    house.advance(LOCK_LOOK)
    assert not house.processes.spawned
    lock.close()
    house.advance(LOCK_LOOK)
    house.ready()
    assert caller.instance().status is Status.RUNNING


def test_a_stray_of_another_user_is_no_hindrance(house: House) -> None:
    """Only who serves the very directory stands in the way."""
    (stray,) = found(house)
    house.run("bob")
    assert not stray.signals


def test_the_records_own_processes_are_no_strays(house: House) -> None:
    """What the registry explains is adopted, not ended, at the start of a manager."""
    process = house.run()
    house.crash()
    house.recover()
    assert not house.services.strays.serve(house.layout.data("alice"))
    assert not process.signals


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the directory of a user under a root."""
    data = tmp_path / "dbs" / "pb_user_alice.db"
    make_database(data)
    return data


@pytest.fixture
def server(data: Path) -> Iterator[int]:
    """Run a process that looks like a PocketBase on ``data`` and has nothing open."""
    script = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-S", "-c", script, "serve", f"--dir={data}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_an_idle_stray_is_found_by_the_scan(data: Path, server: int) -> None:
    """Who has closed its database after idle minutes is known since a scan."""
    strays = Strays(data.parent, lambda pid: False)
    assert not strays.serve(data)
    strays.scan()
    assert strays.serve(data)
    assert not strays.serve(data.parent / "pb_user_bob.db")


def test_a_managed_process_is_no_stray(data: Path, server: int) -> None:
    """Neither those that are managed nor those that the registry explains are strays."""
    strays = Strays(data.parent, lambda pid: pid == server)
    strays.scan()
    assert not strays.serve(data)
    identity = proc.identify(server)
    assert identity is not None
    strays = Strays(data.parent, lambda pid: False)
    strays.scan({identity})
    assert not strays.serve(data)


def test_a_stray_that_is_gone_is_none(data: Path) -> None:
    """What a scan has found long ago does not count when it has ended since."""
    strays = Strays(data.parent, lambda pid: False)
    script = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-S", "-c", script, "serve", f"--dir={data}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        strays.scan()
        process.kill()
        process.wait()
        assert not strays.serve(data)


def test_who_only_reads_the_database_is_no_stray(data: Path) -> None:
    """A backup that has the database open does not serve it, and is not ended."""
    strays = Strays(data.parent, lambda pid: False)
    with running(OPEN, data / "data.db"):
        strays.scan()
        assert not strays.serve(data)
