"""A control group for a manager, or a machine that seems to have none."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.isolation.hierarchy import NoCgroups, find_hierarchy, is_root

ENTER = (
    *("/bin/sh", "-c"),
    'if [ -d "$0/pblm-manager" ]; then into=$0/pblm-manager; else into=$0; fi\n'
    'echo 0 >"$into/cgroup.procs" && exec "$@"',
)
"""As systemd with ``DelegateSubgroup=pblm-manager``: a group that is divided takes no process."""
WITHOUT = (
    *("/usr/bin/unshare", "--mount", "/bin/sh", "-c"),
    'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
    "without",
)
_numbers = itertools.count(1)
CONTROLLERS = frozenset({"memory", "cpu"})


@contextlib.contextmanager
def place_for_a_manager() -> Iterator[tuple[str, ...]]:
    """Yield the command that starts a manager where it may divide a control group.

    With version 1 that is anywhere. With version 2 it takes a group without other processes, so
    one is made beside this process, which moves away from where the groups are divided.
    """
    try:
        here = find_hierarchy(CONTROLLERS)
    except NoCgroups as why:
        pytest.skip(f"no control group can be divided here: {why}")
    if here.version == 1:
        yield ()
        return
    base = here.bases["memory"]
    number = next(_numbers)
    with _group(base / f"tests-{number}") as ours, _group(base / f"place-{number}") as place:
        if not is_root(base):
            (ours / "cgroup.procs").write_text("0")
        _switch(base, "+")
        try:
            yield (*ENTER, str(place))
        finally:
            if not is_root(base):
                _switch(base, "-")
                (base / "cgroup.procs").write_text("0")


def groups_of(pid: int) -> set[Path]:
    """Return the directories of the process's groups, in every tree."""
    found = set()
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for tree in (*controllers.split(","), "unified", "."):
            folder = Path(f"/sys/fs/cgroup/{tree}{path}")
            if (folder / "cgroup.procs").exists():
                found.add(folder)
    return found


def _switch(base: Path, sign: str) -> None:
    for controller in CONTROLLERS:
        (base / "cgroup.subtree_control").write_text(f"{sign}{controller}")


@contextlib.contextmanager
def _group(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        for each in (*folder.glob("*/"), folder):
            with contextlib.suppress(OSError):
                each.rmdir()
