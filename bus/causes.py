"""Why an instance failed: a short list of names, and what helps against each.

Where PocketBase itself failed, the cause is read from its last lines; the texts were observed on
PocketBase 0.40.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Cause(StrEnum):
    """Why an instance failed."""

    PORT_IN_USE = "port_in_use"
    NO_PORTS = "no_ports"
    DATA_MISSING = "data_missing"
    DATA_CORRUPT = "data_corrupt"
    DATA_FOREIGN = "data_foreign"
    DATA_NEWER = "data_newer"
    DIRECTORY_IN_USE = "directory_in_use"
    MIGRATION_FAILED = "migration_failed"
    HOOK_FAILED = "hook_failed"
    PERMISSION_DENIED = "permission_denied"
    DISK_FULL = "disk_full"
    DATABASE_LOCKED = "database_locked"
    FD_LIMIT = "fd_limit"
    OUT_OF_MEMORY = "oom_killed"
    BINARY_MISSING = "binary_missing"
    SPAWN_FAILED = "spawn_failed"
    IO_ERROR = "io_error"
    START_TIMEOUT = "start_timeout"
    UPGRADE_FAILED = "upgrade_failed"
    UNRESPONSIVE = "unresponsive"
    NOT_OWNER = "not_owner"
    REPLICA_BEHIND = "replica_behind"
    KILLED = "killed"
    UNKNOWN = "unknown"


class Remedy(StrEnum):
    """What the manager does about a failure."""

    NEXT_PORT = "next_port"
    """Another port is tried at once."""
    BACK_OFF = "back_off"
    """It is tried again, less and less often."""
    PERSON = "person"
    """Only a person can mend it: nothing is tried before ``init_pb`` is called again."""


REMEDY: Mapping[Cause, Remedy] = {
    **dict.fromkeys(Cause, Remedy.BACK_OFF),
    Cause.PORT_IN_USE: Remedy.NEXT_PORT,
    Cause.DATA_MISSING: Remedy.PERSON,
    Cause.DATA_CORRUPT: Remedy.PERSON,
    Cause.DATA_FOREIGN: Remedy.PERSON,
    Cause.DATA_NEWER: Remedy.PERSON,
    Cause.MIGRATION_FAILED: Remedy.PERSON,
    Cause.HOOK_FAILED: Remedy.PERSON,
    Cause.PERMISSION_DENIED: Remedy.PERSON,
    Cause.UPGRADE_FAILED: Remedy.PERSON,
}
"""What is done about each cause."""
