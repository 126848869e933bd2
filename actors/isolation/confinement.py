"""Confinement: what one user's PocketBase may take of the machine.

By a control group where this process may make one, else by the resource limits that every process
has. A control group counts real memory, all of the user's processes together, and tells when the
kernel had to kill one of them; a resource limit counts what a process has reserved.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from signal import SIGKILL

import msgspec

from actors import proc
from actors.isolation.cgroups import Cgroup, Cgroups, Limits
from actors.isolation.hierarchy import NoCgroups, find_hierarchy, find_oom_counter
from actors.layout import Layout, directory_name
from actors.proc import ExitStatus
from actors.process import LaunchSpec
from bus.errors import SettingsError
from bus.settings import Settings

MIB = 1024 * 1024
PRLIMIT = "/usr/bin/prlimit"
"""From util-linux, on every Linux distribution."""
ENTER = (
    "/bin/sh",
    "-c",
    'until [ "$1" = -- ]; do echo 0 >"$1" || exit 126; shift; done; shift\n'
    'unset PWD OLDPWD SHLVL; exec "$@"',
    "enter",
)
"""Writes itself into each control group that is named before ``--``, then becomes the rest."""

log = logging.getLogger(__name__)


class Confinement:
    """The limits of every user's processes."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        """Raises :class:`SettingsError` when the system cannot give what is asked for."""
        limits = wanted(settings)
        self._groups = _open_groups(limits, layout)
        self._counts = self._groups is not None and self._groups.limits.memory is not None
        folders = () if self._groups is None else self._groups.folders
        self._counter = find_oom_counter(*folders) or proc.VMSTAT
        self._resources = _resource_limits(settings, memory=not self._counts)
        if self._resources and not os.access(PRLIMIT, os.X_OK):
            raise SettingsError(f"PB_MEMORY_LIMIT_MIB: takes {PRLIMIT}; install util-linux")

    def wrap(self, spec: LaunchSpec, user_id: str) -> LaunchSpec:
        """Return the command that runs ``spec`` within the user's limits.

        By small programs that replace themselves, so that what is spawned is what runs, and no
        step of it runs outside: anything done in the child before ``exec`` would have Python fork
        the whole manager. Raises :class:`OSError` when the control group cannot be made.
        """
        prefix: tuple[str, ...] = ()
        group = self._group(user_id)
        if group is not None:
            group.make()
            prefix = (*ENTER, *map(str, group.entrances), "--")
        if self._resources:
            prefix = (*prefix, PRLIMIT, *self._resources, "--")
        return msgspec.structs.replace(spec, argv=(*prefix, *spec.argv))

    def adopt(self, user_id: str, pid: int) -> None:
        """Set the limits anew for a process of a former manager, where that is possible."""
        group = self._group(user_id)
        if group is not None:
            try:
                group.make()
                for each in proc.family(pid):
                    group.take_in(each)
            except OSError as error:
                log.warning("%s: pid %d is not limited: %s", user_id, pid, error)

    def oom_kills(self, user_id: str) -> int:
        """How many processes the kernel has killed for want of memory: of the user, if it tells.

        Else of the group that the instances are in with others, or of the whole machine.
        """
        group = self._group(user_id)
        if group is None or not self._counts:
            return proc.oom_kills(self._counter)
        return group.oom_kills()

    def oom_killed(self, user_id: str, status: ExitStatus, before: int) -> bool:
        """Whether want of memory has ended the user's process.

        ``before`` is how many there were when it began. A count that is not the user's own tells of
        others' ends, too, so it says nothing about a process of which it is not known how it ended.
        """
        ends = (-SIGKILL, None) if self._counts else (-SIGKILL,)
        return status.code in ends and self.oom_kills(user_id) > before

    def left(self, user_id: str) -> None:
        """The user's process is gone."""
        group = self._group(user_id)
        if group is not None:
            group.remove()

    @property
    def kill_files(self) -> tuple[Path, ...]:
        """Who writes 1 into each of these kills all processes of all users, with version 2."""
        return () if self._groups is None else self._groups.kill_files

    def close(self) -> None:
        """Remove what is not used any more."""
        if self._groups is not None:
            self._groups.close()

    def _group(self, user_id: str) -> Cgroup | None:
        return None if self._groups is None else self._groups.of(directory_name(user_id))


def wanted(settings: Settings) -> Limits:
    """Return what the settings ask of control groups."""
    memory = settings.memory_limit_mib
    return Limits(memory=None if memory is None else memory * MIB, cpu_weight=settings.cpu_weight)


def possible(limits: Limits) -> tuple[Limits, str]:
    """Return those of ``limits`` that control groups can keep here, and why not the others."""
    why = ""
    for some in (limits, msgspec.structs.replace(limits, cpu_weight=None)):
        try:
            find_hierarchy(some.controllers)
        except NoCgroups as error:
            why = why or str(error)
        else:
            return some, why
    return Limits(), why


def _open_groups(limits: Limits, layout: Layout) -> Cgroups | None:
    kept, _ = possible(limits)
    if not kept.controllers:
        return None
    name = hashlib.sha256(bytes(layout.control)).hexdigest()[:12]
    try:
        return Cgroups(kept, f"pblm-{name}")
    except NoCgroups as why:
        log.warning("no control groups: %s", why)
        return None


def _resource_limits(settings: Settings, *, memory: bool) -> tuple[str, ...]:
    limits = []
    if memory and settings.memory_limit_mib is not None:
        limits.append(f"--data={settings.memory_limit_mib * MIB}")
    if settings.open_files_limit is not None:
        limits.append(f"--nofile={settings.open_files_limit}")
    return tuple(limits)
