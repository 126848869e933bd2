"""One manager per PB_USER_DBS_PATH, one process per user's directory."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.lock import DirectoryLock, ManagerLock, sqlite_holder
from actors.process import Processes
from bus.errors import SettingsError
from tests.actors.children import exit_code, shell, waiting
from tests.actors.fakes import make_database
from tests.leftovers import nothing_left

HOLD = """
import sys
from pathlib import Path
from actors.lock import ManagerLock
lock = ManagerLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""

OPEN = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA journal_mode = WAL")
database.execute("SELECT * FROM _migrations").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def running(script: str, argument: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script until the block ends; it has said a line by then."""
    command = [sys.executable, "-c", script, str(argument)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / ".pblm").mkdir()
    return tmp_path / ".pblm" / "manager.lock"


def test_a_second_manager_is_refused(path: Path, tmp_path: Path) -> None:
    """Who comes second learns who has the directory, and what to do."""
    lock = ManagerLock(path)
    with nothing_left(), pytest.raises(SettingsError) as error:
        ManagerLock(path)
    assert error.value.message == (
        f"PB_USER_DBS_PATH={str(tmp_path)!r}: another manager (pid {os.getpid()}) has it; "
        "stop that one, or take another directory"
    )
    assert path.read_text() == f"{os.getpid()}\n"
    lock.close()


def test_a_lock_that_was_let_go_can_be_taken(path: Path) -> None:
    """After close the next manager may come."""
    for _ in range(2):
        ManagerLock(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_killed_manager_holds_no_lock(path: Path) -> None:
    """The lock ends with the process that had it, and names it as long as it lives."""
    with running(HOLD, path) as process:
        with pytest.raises(SettingsError, match=rf"\(pid {process.pid}\)"):
            ManagerLock(path)
        process.kill()
        process.wait()
        lock = ManagerLock(path)
    assert path.read_text() == f"{os.getpid()}\n"
    lock.close()


def test_a_shorter_pid_leaves_nothing_of_a_longer(path: Path) -> None:
    """The file holds one pid, not the end of another."""
    path.write_text("99999999999999\n")
    lock = ManagerLock(path)
    assert path.read_text() == f"{os.getpid()}\n"
    lock.close()


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    """While one has the lock another gets none."""
    path = tmp_path / "alice.lock"
    lock = DirectoryLock.take(path)
    assert lock is not None
    with nothing_left():
        assert DirectoryLock.take(path) is None
    lock.close()
    again = DirectoryLock.take(path)
    assert again is not None
    again.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_child_keeps_the_lock(processes: Processes, tmp_path: Path) -> None:
    """The lock outlives our side of it, and ends with the child that inherited it."""
    path = tmp_path / "alice.lock"
    lock = DirectoryLock.take(path)
    assert lock is not None
    process = processes.spawn(waiting(tmp_path, keep_open=[lock.fd]))
    lock.close()
    assert DirectoryLock.take(path) is None
    process.kill()
    assert exit_code(process) == -9
    again = DirectoryLock.take(path)
    assert again is not None
    again.close()


def test_another_child_does_not_keep_the_lock(processes: Processes, tmp_path: Path) -> None:
    """Who was not given the lock has no part in it."""
    path = tmp_path / "alice.lock"
    lock = DirectoryLock.take(path)
    assert lock is not None
    process = processes.spawn(waiting(tmp_path))
    lock.close()
    again = DirectoryLock.take(path)
    assert again is not None
    again.close()
    process.kill()
    assert exit_code(process) == -9


def test_a_child_may_not_let_go_for_us(processes: Processes, tmp_path: Path) -> None:
    """A child that ends at once leaves us the lock that we still hold."""
    path = tmp_path / "alice.lock"
    lock = DirectoryLock.take(path)
    assert lock is not None
    assert exit_code(processes.spawn(shell(tmp_path, "exit 0", keep_open=[lock.fd]))) == 0
    assert DirectoryLock.take(path) is None
    lock.close()


def test_an_open_database_has_a_holder(tmp_path: Path) -> None:
    """Who has the database open now is found, and nobody once it is closed."""
    make_database(tmp_path)
    assert sqlite_holder(tmp_path) is None
    with running(OPEN, tmp_path / "data.db") as process:
        assert sqlite_holder(tmp_path) == process.pid
    assert sqlite_holder(tmp_path) is None


def test_nothing_is_open_where_nothing_is(tmp_path: Path) -> None:
    """A directory without a database has no holder, and none is made by asking."""
    assert sqlite_holder(tmp_path) is None
    assert sqlite_holder(tmp_path / "none") is None
    assert list(tmp_path.iterdir()) == []


def test_a_crashed_database_has_no_holder(tmp_path: Path) -> None:
    """What a dead process has left open is open no more."""
    make_database(tmp_path)
    with running(OPEN, tmp_path / "data.db") as process:
        process.kill()
        process.wait()
        assert (tmp_path / "data.db-shm").exists()
        assert sqlite_holder(tmp_path) is None
    with sqlite3.connect(tmp_path / "data.db") as database:
        assert database.execute("SELECT count(*) FROM _migrations").fetchone() == (1,)
    database.close()
