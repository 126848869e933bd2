"""Which part of the kernel's control groups this process may divide (cgroups(7)).

Version 2 has one tree for everything; version 1, still met on older machines, one per controller.
Nothing is changed here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

MANAGER = "pblm-manager"
"""The group that a manager moves into: version 2 lets no process beside groups that are limited."""


class NoCgroups(Exception):
    """There is none that this process may divide; says why."""


class Hierarchy(msgspec.Struct, frozen=True, kw_only=True):
    """Where groups can be made for some controllers."""

    version: int
    bases: Mapping[str, Path]
    """The directory for each controller; with version 2 it is the same for all."""

    def __str__(self) -> str:
        places = sorted({str(base) for base in self.bases.values()})
        return f"cgroup v{self.version} in {', '.join(places)}"


def is_root(group: Path) -> bool:
    """Whether it is the root of version 2, the one group that may be divided with all in it."""
    return not (group / "cgroup.type").exists()


def find_hierarchy(controllers: frozenset[str]) -> Hierarchy:
    """Return where groups with ``controllers`` can be made; raise :class:`NoCgroups`."""
    mounts = list(_mounts())
    try:
        base = _version_2(controllers, mounts)
        return Hierarchy(version=2, bases=dict.fromkeys(controllers, base))
    except NoCgroups as why:
        bases = {name: _version_1(name, mounts) for name in controllers}
        found = {name: base for name, base in bases.items() if base is not None}
        if len(found) < len(bases):
            raise NoCgroups(str(why)) from None
        return Hierarchy(version=1, bases=found)


def find_group() -> Path:
    """Return the group of version 2 below which this process may make others.

    Raises :class:`NoCgroups`.
    """
    return _version_2(frozenset(), list(_mounts()))


def find_oom_counter(*groups: Path) -> Path | None:
    """Return where the kernel counts whom it killed for want of memory, of this process's group.

    Or of one of the ``groups`` below it, whose memory is counted wherever version 2 does it next.
    None: it counts for the whole machine alone.
    """
    mounts, named = list(_mounts()), _own_groups()
    own = (m.own(named[""]) for m in mounts if m.kind == "cgroup2" and "" in named)
    for start in filter(None, (*groups, *own)):
        for folder in (start, *start.parents):
            # Not memory.events: that counts those in the groups below, too.
            if (counter := folder / "memory.events.local").exists():
                return counter
    own_group = _version_1("memory", mounts, os.R_OK)
    return None if own_group is None else own_group / "memory.oom_control"


class _Mount(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    options: frozenset[str]
    root: str
    point: Path

    def own(self, group: str) -> Path | None:
        """The directory of this process's ``group``; None when it is outside of this mount."""
        inside = os.path.relpath(group, self.root)
        return None if inside.startswith("..") else self.point / inside


def _version_2(controllers: frozenset[str], mounts: list[_Mount]) -> Path:
    groups = _own_groups()
    own = next((m.own(groups[""]) for m in mounts if m.kind == "cgroup2" and "" in groups), None)
    if own is None:
        raise NoCgroups("no cgroup v2 is mounted")
    base = own.parent if own.name == MANAGER else own
    missing = controllers - set(_words(base / "cgroup.controllers"))
    if missing:
        raise NoCgroups(f"{base} has no controller {', '.join(sorted(missing))}")
    for path in (base, base / "cgroup.procs", base / "cgroup.subtree_control"):
        if not os.access(path, os.W_OK):
            raise NoCgroups(f"{path} is not writable")
    ready = controllers <= set(_words(base / "cgroup.subtree_control"))
    others = {int(pid) for pid in _words(base / "cgroup.procs")} - {os.getpid()}
    if others and not ready and not is_root(base):
        raise NoCgroups(f"other processes are in {base}: {len(others)}")
    return base


def _version_1(controller: str, mounts: list[_Mount], access: int = os.W_OK) -> Path | None:
    group = _own_groups().get(controller)
    for mount in mounts:
        if mount.kind == "cgroup" and controller in mount.options and group is not None:
            own = mount.own(group)
            if own is not None and os.access(own, access):
                return own
    return None


def _own_groups() -> dict[str, str]:
    """By controller, the group of this process; that of version 2 by the empty name."""
    groups: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _mounts() -> Iterator[_Mount]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = place.split()[3:5]
            yield _Mount(
                kind=kind, options=frozenset(options.split(",")), root=root, point=Path(point)
            )


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
