"""TenantGroup: one control group of version 2 that all tenants are in, to be killed at once.

It needs no controller, so it can be had where no limit can. ``cgroup.kill`` ends everything in it,
also what is just being forked (Linux 5.14).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path

import msgspec

from actors.isolation.confinement import ENTER
from actors.isolation.hierarchy import NoCgroups, find_group
from actors.process import LaunchSpec

log = logging.getLogger(__name__)


class TenantGroup:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def kill_file(self) -> Path:
        """Who writes 1 into it kills all."""
        return self._folder / "cgroup.kill"

    def wrap(self, spec: LaunchSpec) -> LaunchSpec:
        """Return the command that runs ``spec`` in the group."""
        entrance = str(self._folder / "cgroup.procs")
        return msgspec.structs.replace(spec, argv=(*ENTER, entrance, "--", *spec.argv))

    def close(self) -> None:
        """Remove it, unless a process is left in it."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def open_group(control: Path) -> TenantGroup | None:
    """Make the group of those whose data ``control`` is beside; None where none can be made."""
    try:
        base = find_group()
        name = hashlib.sha256(bytes(control)).hexdigest()[:12]
        folder = base / f"pblm-tenants-{name}"
        folder.mkdir(exist_ok=True)
    except (NoCgroups, OSError) as why:
        log.info("no control group of all tenants: %s; they are found by their mark", why)
        return None
    group = TenantGroup(folder)
    if not group.kill_file.exists():
        group.close()
        return None
    return group
