"""Control groups: what the kernel lets the processes of one user take (cgroups(7)).

The manager makes a group for each user below the group that it runs in itself, and asks for no
other part of the tree.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from actors import proc
from actors.isolation.hierarchy import MANAGER, NoCgroups, find_hierarchy, is_root

SHARES = 1024
"""What version 1 calls the weight of 100."""
LEAST_SHARES = 2
OOM_COUNTERS = ("memory.events", "memory.oom_control")
"""Where version 2, or version 1, counts the processes of a group that it has killed."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one user's processes may take; None: as much as there is."""

    memory: int | None = None
    """In bytes."""
    cpu_weight: int | None = None
    """Its part of a processor that others want too; who has no weight of its own has 100."""

    @property
    def controllers(self) -> frozenset[str]:
        """What the kernel needs for it."""
        wanted = {"memory": self.memory, "cpu": self.cpu_weight}
        return frozenset(name for name, limit in wanted.items() if limit is not None)

    def files(self, version: int) -> Iterator[tuple[str, str, str]]:
        """Yield controller, file and content; not every kernel has every file."""
        if self.memory is not None and version == 2:
            yield "memory", "memory.max", f"{self.memory}"
            yield "memory", "memory.swap.max", "0"
            yield "memory", "memory.oom.group", "1"
        elif self.memory is not None:
            yield "memory", "memory.limit_in_bytes", f"{self.memory}"
            yield "memory", "memory.memsw.limit_in_bytes", f"{self.memory}"
        if self.cpu_weight is not None and version == 2:
            yield "cpu", "cpu.weight", f"{self.cpu_weight}"
        elif self.cpu_weight is not None:
            shares = max(LEAST_SHARES, self.cpu_weight * SHARES // 100)
            yield "cpu", "cpu.shares", f"{shares}"


class Cgroup(msgspec.Struct, frozen=True, kw_only=True):
    """The group of one user's processes: a directory in each of the trees."""

    folders: tuple[Path, ...]
    contents: Mapping[Path, str]

    @property
    def entrances(self) -> tuple[Path, ...]:
        """A process that writes 0 into each of these has come in."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def make(self) -> None:
        """Have the group, within its limits. Raises :class:`OSError`."""
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
        for file, content in self.contents.items():
            if file.exists():
                file.write_text(content)

    def take_in(self, pid: int) -> None:
        """Move a process that runs already into the group. Raises :class:`OSError`."""
        for entrance in self.entrances:
            entrance.write_text(f"{pid}")

    def oom_kills(self) -> int:
        """How many processes of the group the kernel has killed for want of memory."""
        counters = (folder / file for folder in self.folders for file in OOM_COUNTERS)
        return sum(map(proc.oom_kills, counters))

    def remove(self) -> None:
        """Remove the group, unless a process is left in it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


class Cgroups:
    """The groups of one manager's users."""

    def __init__(self, limits: Limits, name: str) -> None:
        """Have a part of the tree called ``name``; with version 2, this process moves beside it.

        Raises :class:`NoCgroups`.
        """
        self.limits = limits
        self._hierarchy = find_hierarchy(limits.controllers)
        self._roots = {base / name: base for base in self._hierarchy.bases.values()}
        self._name = name
        try:
            for root, base in self._roots.items():
                self._open(root, base)
        except OSError as error:
            raise NoCgroups(f"{error.filename}: {error.strerror}") from error
        self._sweep()

    @property
    def kill_files(self) -> tuple[Path, ...]:
        """Who writes 1 into each of these kills everybody in all groups (cgroups(7))."""
        files = (root / "cgroup.kill" for root in self._roots)
        return tuple(file for file in files if file.exists())

    @property
    def folders(self) -> tuple[Path, ...]:
        """Its part of the tree, or of each of the trees."""
        return tuple(self._roots)

    def of(self, name: str) -> Cgroup:
        """Return the group called ``name``, which need not be there yet."""
        bases = self._hierarchy.bases
        return Cgroup(
            folders=tuple(root / name for root in self._roots),
            contents={
                bases[controller] / self._name / name / file: content
                for controller, file, content in self.limits.files(self._hierarchy.version)
            },
        )

    def close(self) -> None:
        """Remove what is not used any more; groups of processes that go on stay."""
        self._sweep()
        for root in self._roots:
            with contextlib.suppress(OSError):
                root.rmdir()

    def _open(self, root: Path, base: Path) -> None:
        root.mkdir(exist_ok=True)
        if self._hierarchy.version == 2:
            if not is_root(base):
                manager = base / MANAGER
                manager.mkdir(exist_ok=True)
                (manager / "cgroup.procs").write_text("0")
            self._enable(base)
            self._enable(root)

    def _enable(self, folder: Path) -> None:
        for controller in self.limits.controllers:
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")

    def _sweep(self) -> None:
        """Remove the groups of processes that ended while no manager was there."""
        for root in self._roots:
            for folder in root.iterdir():
                if folder.is_dir():
                    with contextlib.suppress(OSError):
                        folder.rmdir()
