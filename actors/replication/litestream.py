"""Litestream: how it is told what to copy where, and how it comes to be PocketBase's parent."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from actors.process import Ended, LaunchSpec, run_program
from bus.settings import Settings
from bus.settings.replication import S3

SNAPSHOT_INTERVAL = "24h"
LONGEST_LOOK = 1.0
"""Seconds between two looks of it whether the database has changed; shorter ones cost CPU."""
LAST_SYNC = "1s"
"""How long it goes on trying to copy the last changes when it is to end."""
NO_AMBIENT_KEYS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Its keys are those that it is told; it looks for none in the user's directory or elsewhere."""
LONGEST = 86_400.0
"""Seconds that a command of it may take, a restore for example, as long as it gets on."""
STALL = 300.0
"""Seconds after which one that gets nowhere is given up: a bucket may take a connection, and then
say nothing. Long enough for a network that is away for some minutes, and comes back."""
FAILED = 1
"""Its exit status when it has come to an end by itself, and says why."""
DAMAGED = (
    "non-contiguous ltx files",
    "invalid ltx file",
    "integrity check failed",
    "database disk image is malformed",
    "file is not a database",
)
"""What it says of changes between which there is a hole, of their files, and of what they make."""
DECODING = "decode database: "
"""It begins so what is wrong with the content of files that it reads, and writes together."""
NOT_DECODED = re.compile("reading ltx file|reopen ltx file|write page [0-9]+: |context canceled")
"""What it says so, too, when the files cannot be read, or this host's disk cannot be written."""


def run(command: tuple[str, ...], home: Path, *, wanted: Callable[[], bool]) -> Ended:
    """Run a command of it to its end; see :func:`run_program`. It knows no keys but its own."""
    environment = {"PATH": "", "HOME": str(home), **NO_AMBIENT_KEYS}
    return run_program(command, env=environment, timeout=LONGEST, stall=STALL, wanted=wanted)


def last_words(ended: Ended) -> str:
    """Return the end of the last line that it wrote: there it says what is wrong."""
    return ended.output.strip().rpartition("\n")[2][-300:]


def speaks_of_damage(code: int, said: str) -> bool:
    """Whether a restore that ended so has read the replica, and found that it is damaged.

    Anything else may be over at the next try: what the place answers, and what this host lacks
    (space, memory, file descriptors, time), or somebody who killed it.
    """
    if code != FAILED:
        return False
    if DECODING in said:
        return NOT_DECODED.search(said) is None
    return any(each in said for each in DAMAGED)


def configuration(
    settings: Settings, database: Path, meta: Path, target: str, command: tuple[str, ...] = ()
) -> bytes:
    """Return the configuration file that copies ``database`` to ``target``, beside ``command``.

    ``target`` is a path within the place of the replicas. JSON, as every JSON is YAML. The keys of
    the bucket are in this file alone: neither in an environment, which the child would inherit,
    nor on a command line, which everybody reads.
    """
    replica = _replica(settings, target) | {
        "sync-interval": f"{settings.replica_sync_interval:g}s",
    }
    look = min(LONGEST_LOOK, settings.replica_sync_interval)
    source = {
        "path": str(database),
        "meta-path": str(meta),
        "monitor-interval": f"{look:g}s",
        "replica": replica,
    }
    content: dict[str, Any] = {
        "logging": {"level": "warn", "stderr": True},
        "snapshot": {
            "interval": SNAPSHOT_INTERVAL,
            "retention": f"{settings.replica_retention:g}s",
        },
        "shutdown-sync-timeout": LAST_SYNC,
        "dbs": [source],
    }
    if command:
        content["exec"] = shlex.join(command)
    return msgspec.json.encode(content)


def _replica(settings: Settings, target: str) -> dict[str, Any]:
    assert settings.replica_url is not None
    if not settings.replica_url.startswith(S3):
        return {"type": "file", "path": f"{settings.replica_url}/{target}"}
    bucket, _, prefix = settings.replica_url.removeprefix(S3).partition("/")
    replica: dict[str, Any] = {
        "type": "s3",
        "bucket": bucket,
        "path": f"{prefix}/{target}".lstrip("/"),
        "region": settings.replica_region,
        "access-key-id": settings.replica_access_key_id,
        "secret-access-key": settings.replica_secret_access_key,
    }
    if settings.replica_endpoint is not None:
        replica |= {"endpoint": settings.replica_endpoint, "force-path-style": True}
    return replica


def parent(settings: Settings, spec: LaunchSpec, config: Path) -> LaunchSpec:
    """Return the command that runs Litestream, which runs the command in ``config`` as its child.

    The child inherits environment, log and lock. When it ends, Litestream ends; it ends with
    Litestream because its own command says so (:meth:`actors.isolation.Isolation.wrap`).
    """
    argv = (settings.litestream_path, "replicate", "-no-expand-env", "-config", str(config))
    return msgspec.structs.replace(spec, argv=argv, env={**spec.env, **NO_AMBIENT_KEYS})


def once(settings: Settings, config: Path) -> tuple[str, ...]:
    """Return the command that copies what ``config`` names as it is now, and ends."""
    command = (settings.litestream_path, "replicate", "-once", "-no-expand-env")
    return (*command, "-config", str(config))


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that nobody but us can read. Raises :class:`OSError`."""
    draft = path.with_suffix(".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
    draft.rename(path)
