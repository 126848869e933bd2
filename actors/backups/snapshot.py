"""Snapshot: a user's data as of one moment, taken while PocketBase runs, sleeps or is down.

::

    link the uploads -> VACUUM INTO data.db ------------> is each file that a record has there?
                             ^ begins: link again                     | no
                             +----------------------------------------+

The first links keep what is deleted just then, the second, made as soon as the moment is fixed
that is copied, catch what had come. What slips through both is a file that lived for a moment
between them: the check finds it missing, and the next turn brings a database without it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from actors.backups.manifest import Kind, Manifest
from actors.data.contents import always, copy_database, describe, file_references, quick_check
from actors.data.database import UserDataError
from actors.data.storage import link_files, stored_files
from actors.data.userdata import identities, read_identity
from bus.errors import BackupError

TRIES = 8
"""Turns before it is given up; under heavy churn one in fifteen needed a second one."""
MANIFEST = "pblm_manifest.json"
FRESH = 2.0
"""Seconds in which a file may change again without a change of its time (file systems vary)."""
CHUNK = 1024 * 1024


def take(
    data: Path,
    target: Path,
    *,
    user_id: str,
    identity: str | None,
    version: str | None,
    kind: Kind,
    now: Callable[[], datetime],
    wanted: Callable[[], bool] = always,
) -> Manifest:
    """Make ``target``, a new directory, a whole copy of ``data``; return what it says of itself.

    ``target`` holds ``data.db``, ``storage/`` and the manifest, belongs to us alone, and is best
    on the same file system, where uploads cost nothing. Logs (``auxiliary.db``) are left out.
    Raises :class:`BackupError` and leaves nothing behind when it cannot be made, is none of
    ``identity``, or is not ``wanted`` any more. Never waits for PocketBase, nor it for us.
    """
    began = now()
    try:
        target.mkdir(mode=0o700, parents=True)
        fingerprint = fingerprint_of(data, began)
        missing = _copy(data, target, wanted)
        quick_check(target)
        found = read_identity(target)
        if identity is not None and identity not in identities(target):
            raise BackupError(f"the database in {data} is not the one of user {user_id}")
        manifest = _manifest(target, missing, found, fingerprint, began, user_id, version, kind)
        (target / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return manifest
    except (OSError, UserDataError, msgspec.DecodeError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise BackupError(f"The data of {user_id} cannot be copied: {error}") from error
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def fingerprint_of(data: Path, now: datetime) -> str | None:
    """Return what is another text once anything was written to the database in ``data``.

    It costs two looks at file times, and PocketBase writes a row whenever it stores a file. None:
    the last write is so fresh that one right after it could look the same. An empty log counts as
    none. Moving the log into the database changes the text, though nothing was written.
    """
    parts = []
    for name in ("data.db", "data.db-wal"):
        try:
            found = os.stat(data / name)
        except FileNotFoundError:
            continue
        if found.st_size:
            parts.append(f"{name}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}")
            if found.st_mtime > now.timestamp() - FRESH:
                return None
    return " ".join(parts)


def read_manifest(folder: Path) -> Manifest:
    """Return what a snapshot says of itself; raise :class:`BackupError`."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BackupError(f"{folder} is no snapshot: {error}") from error


def sha256_of(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(data: Path, target: Path, wanted: Callable[[], bool]) -> tuple[str, ...]:
    """Copy until what the records say is there; return the files that were gone before."""
    absent: set[str] = set()
    for _ in range(TRIES):
        link_files(data, target)
        (target / "data.db").unlink(missing_ok=True)
        copy_database(data, target, wanted, begun=lambda: link_files(data, target))
        missing = set() if describe(target).files_elsewhere else _missing(target)
        if missing <= absent:  # in two turns: no name is ever used again, so it is lost for good
            return tuple(sorted(missing))
        absent = missing
    raise BackupError(f"The files in {data} change faster than they can be copied")


def _missing(folder: Path) -> set[str]:
    paths = (reference.path for reference in file_references(folder))
    return {path for path in paths if not os.path.lexists(folder / path)}


def _manifest(
    target: Path,
    missing: tuple[str, ...],
    identity: str,
    fingerprint: str | None,
    began: datetime,
    user_id: str,
    version: str | None,
    kind: Kind,
) -> Manifest:
    contents = describe(target)
    files = list(stored_files(target))
    listing = hashlib.sha256("".join(f"{size} {path}\n" for path, size in files).encode())
    return Manifest(
        user_id=user_id,
        kind=kind,
        taken_at=began,
        version=version,
        identity=identity,
        migrations=contents.migrations,
        settings_encrypted=contents.settings_encrypted,
        files_elsewhere=contents.files_elsewhere,
        database_bytes=(target / "data.db").stat().st_size,
        database_sha256=sha256_of(target / "data.db"),
        files=len(files),
        files_bytes=sum(size for _, size in files),
        files_sha256=listing.hexdigest(),
        missing=missing,
        fingerprint=fingerprint,
    )
