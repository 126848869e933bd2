"""What of a machine would stand in the way, and the fix for each."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from actors import doctor
from actors.doctor import Finding, Level, examine
from actors.system import FEW_INSTANCES
from bus.settings import Settings


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    return program(tmp_path, "0.40.6")


def program(folder: Path, version: str) -> Path:
    """Make a program that says it is PocketBase ``version``."""
    path = folder / "pocketbase"
    path.write_text(f"#!/bin/sh\necho pocketbase version {version}\n")
    path.chmod(0o700)
    return path


def finding(name: str, binary: Path, instances: int = 1, **different: Any) -> Finding:
    """Examine the machine; return what was found about ``name``."""
    given: dict[str, Any] = {
        "binary_path": str(binary),
        "user_dbs_path": binary.parent / "dbs",
        "disk_low_mib": 1,
    }
    findings = examine(Settings(**given | different), instances=instances)
    (found,) = [each for each in findings if each.name == name]
    return found


NAMES = [
    "binary",
    "permissions",
    "disk",
    "memory",
    "open files",
    "tasks",
    "limits",
    "inotify",
    "ports",
    "clock",
    "etcd",
]


def test_everything_is_looked_at(binary: Path) -> None:
    """Each thing that matters is found well or not, once, with a fix where it is not."""
    settings = Settings(binary_path=str(binary), user_dbs_path=binary.parent / "dbs")
    findings = list(examine(settings, instances=FEW_INSTANCES))
    assert [found.name for found in findings] == NAMES
    assert all(found.what for found in findings)
    assert all(bool(found.fix) == (found.level is not Level.OK) for found in findings)


def test_nothing_is_changed_by_looking(binary: Path) -> None:
    """The examination makes no directory."""
    finding("permissions", binary)
    assert os.listdir(binary.parent) == ["pocketbase"]


@pytest.mark.parametrize("name", ["memory", "open files", "tasks", "inotify", "ports"])
def test_no_machine_is_large_enough_for_everybody(binary: Path, name: str) -> None:
    """A hundred million instances are too many, and each limit that says so has its fix."""
    found = finding(name, binary, instances=100_000_000)
    assert found.level is not Level.OK
    assert found.fix


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("0.22.27", Level.ERROR),
        ("0.36.9", Level.WARNING),
        ("0.40.0", Level.OK),
        ("1.2.3", Level.OK),
        ("", Level.ERROR),
    ],
)
def test_the_version_matters(tmp_path: Path, version: str, level: Level) -> None:
    """Too old a PocketBase is an error, one that hides its failures a warning."""
    assert finding("binary", program(tmp_path, version)).level is level


def test_a_missing_binary_is_an_error(tmp_path: Path) -> None:
    """Without a PocketBase nothing runs."""
    found = finding("binary", tmp_path / "none")
    assert (found.level, found.what) == (Level.ERROR, f"{tmp_path / 'none'} does not run")


def test_a_binary_that_others_can_change_is_an_error(binary: Path) -> None:
    """Whoever can write the program runs what they like as the manager's user."""
    binary.chmod(0o777)
    found = finding("binary", binary)
    assert (found.level, found.fix) == (Level.ERROR, f"chmod go-w {binary}")


@pytest.mark.parametrize(("mode", "level"), [(0o700, Level.OK), (0o755, Level.WARNING)])
def test_the_directory_is_to_be_private(binary: Path, mode: int, level: Level) -> None:
    """A directory that is open to others is told, with the command that closes it."""
    path = binary.parent / "dbs"
    path.mkdir()
    path.chmod(mode)
    found = finding("permissions", binary)
    assert found.level is level
    assert found.fix == ("" if level is Level.OK else f"chmod 0700 {path}")


def test_a_full_disk_is_an_error(binary: Path) -> None:
    """Less room than PB_DISK_LOW_MIB is told."""
    found = finding("disk", binary, disk_low_mib=10**9)
    assert (found.level, found.fix) == (Level.ERROR, "make room: PB_DISK_LOW_MIB=1000000000")


def test_a_network_disk_is_an_error(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's shared memory does not cross a network."""
    monkeypatch.setattr(doctor, "_file_system", lambda path: "nfs4")
    found = finding("disk", binary)
    assert found.level is Level.ERROR
    assert "nfs4" in found.what


def test_ports_of_outgoing_connections_are_told(binary: Path) -> None:
    """A range that outgoing connections take ports from is a warning."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert finding("ports", binary, base_port=low, port_range=100).level is Level.WARNING
    below = finding("ports", binary, base_port=low - 100, port_range=100)
    assert below.level is Level.OK


def test_too_few_open_files_are_told(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit that counts is the soft one."""
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (256, 4096))
    found = finding("open files", binary)
    assert found.level is Level.ERROR
    assert found.fix.startswith("ulimit -n 4096;")


def test_a_clock_that_went_back_is_told(binary: Path) -> None:
    """A program from tomorrow means that the clock is wrong."""
    os.utime(binary, (4e9, 4e9))
    found = finding("clock", binary)
    assert found.level is Level.WARNING
    assert "behind the newest file" in found.what
