"""A process and the child through which it serves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import proc
from actors.health import serves
from actors.isolation.isolation import Isolation
from actors.process import LaunchSpec, Processes
from actors.strays import Strays
from bus.settings import Settings
from tests.actors.children import SAY, Signal, ended, python
from tests.actors.conftest import clock, processes
from tests.house.surroundings import await_end

__all__ = ["clock", "processes"]

PARENT = f"""
{SAY}
import subprocess
child = subprocess.Popen(sys.argv[2:])
child.wait()
"""
CHILD = f"""
{SAY}
listener = socket.create_server(("127.0.0.1", 0))
database = open(sys.argv[3].removeprefix("--dir=") + "/data.db")
say(os.getpid(), listener.getsockname()[1])
sys.stdin.read()
import time; time.sleep(600)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a directory that has a database."""
    folder = tmp_path / "dbs" / "pb_user_ann.db"
    folder.mkdir(parents=True)
    (folder / "data.db").touch()
    return folder


@pytest.fixture
def signal() -> Iterator[Signal]:
    made = Signal()
    yield made
    made.close()


def family(tmp_path: Path, data: Path, signal: Signal, *bond: str) -> LaunchSpec:
    """Return how a parent is launched whose child serves ``data``."""
    child = [sys.executable, "-S", "-c", CHILD, str(signal.port), "serve", f"--dir={data}"]
    return python(tmp_path, PARENT, str(signal.port), *bond, *child)


def test_a_parent_serves_through_its_child(
    processes: Processes, tmp_path: Path, data: Path, signal: Signal
) -> None:
    """The child listens and has the database open; that counts as the parent's."""
    parent = processes.spawn(family(tmp_path, data, signal))
    with ended(parent):
        child, port = map(int, signal.wait().split())

        assert proc.family(parent.pid) == (parent.pid, child)
        assert proc.server(parent.pid) == proc.server(child) == child
        assert proc.leader(child) == proc.leader(parent.pid) == parent.pid
        assert serves(parent.pid, ("127.0.0.1", port), data)
        assert not serves(os.getpid(), ("127.0.0.1", port), data)
        assert str(data) in {proc.served_directory(pid) for pid in proc.family(parent.pid)}
        os.kill(child, 9)


def test_the_child_of_ours_is_no_stray(
    processes: Processes, tmp_path: Path, data: Path, signal: Signal
) -> None:
    """Neither that of a managed process nor that of one that the registry explains."""
    parent = processes.spawn(family(tmp_path, data, signal))
    with ended(parent):
        child = int(signal.wait().split()[0])
        for ours, explained in (({parent.pid}, set()), (set(), {parent.identity})):
            strays = Strays(data.parent, ours.__contains__)
            strays.scan(explained)
            assert not strays.serve(data)
        strays = Strays(data.parent, lambda pid: False)
        strays.scan()
        assert strays.serve(data)
        os.kill(child, 9)


def test_nobody_has_no_family() -> None:
    """A number that nobody has is alone."""
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    assert proc.family(process.pid) == (process.pid,)
    assert proc.leader(process.pid) == process.pid


UIDS = [None, pytest.param(234_567, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root"))]


@pytest.mark.parametrize("uid", UIDS)
def test_a_child_that_ends_with_its_parent(
    processes: Processes, tmp_path: Path, data: Path, signal: Signal, uid: int | None
) -> None:
    """It is killed when its parent is, whatever its uid."""
    settings = Settings(user_dbs_path=tmp_path)
    isolation = Isolation(settings, set())
    spec = LaunchSpec(argv=(), env={}, cwd=tmp_path, log=tmp_path / "log")
    bond = isolation.wrap(spec, uid, ends_with_parent=True).argv
    parent = processes.spawn(python(tmp_path, PARENT, str(signal.port), *bond, *_says(signal)))
    with ended(parent):
        child = int(signal.wait())
        assert os.stat(f"/proc/{child}").st_uid == (uid or os.geteuid())
        parent.kill()
        await_end(child)


def _says(signal: Signal) -> list[str]:
    script = f"{SAY}\nsay(os.getpid())\nimport time; time.sleep(600)"
    return [sys.executable, "-S", "-c", script, str(signal.port)]
