"""What must be true of a user's data before PocketBase is started on it.

PocketBase serves an empty database with health 200 where the data is missing, and opens that of
another user or of a newer version without a word. So it is looked at before.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from actors.data.database import UserDataError
from actors.data.userdata import identities, migration_of
from actors.records import Record
from bus.causes import Cause
from bus.errors import InstanceIOError


def check_data(data: Path, record: Record, version: str | None) -> frozenset[str]:
    """Return the migrations that ``data`` have had, which PocketBase ``version`` may serve.

    Raises :class:`InstanceIOError` where it may not. Nothing is touched. An instance that has never
    run yet has nothing to lose and is not checked.
    """
    if record.identity is None:
        return frozenset()
    _check_file(data / "data.db")
    _check_version(record, version)
    found = _identities(data)
    if not found:
        raise _refusal(Cause.DATA_CORRUPT, f"the database in {data} has no migrations")
    if record.identity not in found:
        raise _refusal(
            Cause.DATA_FOREIGN,
            f"the database in {data} is not the one of user {record.user_id} "
            f"(on record is {record.identity}, which it never was)",
        )
    return frozenset(map(migration_of, found))


def _check_file(path: Path) -> None:
    """Look at the file from outside: opened and closed by hand, it may cost a reader its locks."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _refusal(Cause.DATA_MISSING, f"{path} is missing") from None
    except OSError as error:
        raise _refusal(Cause.PERMISSION_DENIED, f"{path} cannot be read ({error})") from error
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
        raise _refusal(Cause.PERMISSION_DENIED, f"{path} cannot be read (or is no file)")
    if not found.st_size:
        raise _refusal(Cause.DATA_MISSING, f"{path} is empty")


def _identities(data: Path) -> set[str]:
    try:
        return identities(data)
    except UserDataError as error:
        if error.not_a_database:
            problem = f"{data / 'data.db'} is not a SQLite database"
        else:
            problem = f"the database in {data} cannot be read ({error})"
        raise _refusal(Cause.DATA_CORRUPT, problem) from error


def _check_version(record: Record, version: str | None) -> None:
    if is_older(version, record.version):
        raise InstanceIOError(
            f"IO error: PocketBase {version} is older than {record.version}, which "
            f"{record.user_id}'s database was last served with; nothing was touched: "
            "set PB_BINARY_PATH to that version or a newer one",
            cause=Cause.DATA_NEWER,
        )


def is_older(version: str | None, than: str | None) -> bool:
    """Whether a version of PocketBase is older, as far as both are known."""
    return bool(version and than and _numbers(version) < _numbers(than))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _refusal(cause: Cause, what: str) -> InstanceIOError:
    return InstanceIOError(
        f"IO error: {what}; nothing was touched and PocketBase was not started, since it would "
        "serve an empty or damaged database: restore the directory, then call init_pb",
        cause=cause,
    )
