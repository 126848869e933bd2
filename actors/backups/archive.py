"""Archive: a user's data as one ZIP file, which any tool opens and PocketBase itself takes back.

``data.db`` and ``storage/`` lie at its root, as in PocketBase's own backups, and the manifest
beside them. What is taken out may come from anybody: names are checked, nothing but plain files is
written, and never more than is allowed, whatever the archive says of itself.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from actors.backups.snapshot import MANIFEST
from actors.data.contents import always
from bus.errors import BackupError, InvalidBackup

CHUNK = 1024 * 1024
MAX_DIRECTORY = 64 * 1024 * 1024
"""The longest list of files that is read, in bytes: it is held in memory. About 500,000 files."""
DATABASE = "data.db"
LEFT_OUT = ("auxiliary.db", "auxiliary.db-wal", "auxiliary.db-shm", "data.db-shm", "types.d.ts")
"""Logs, and what is made again."""
FAST = 1
"""zlib's level: a database of texts shrinks to a third, at 30 MB/s of one core."""


def pack(folder: Path, archive: Path, wanted: Callable[[], bool] = always) -> None:
    """Write a snapshot's files into a new archive; raise :class:`OSError` or `BackupError`.

    Uploads are stored as they are: most are compressed already.
    """
    with zipfile.ZipFile(archive, "x", compresslevel=FAST, strict_timestamps=False) as target:
        for path in _files(folder):
            info = zipfile.ZipInfo.from_file(
                path, path.relative_to(folder).as_posix(), strict_timestamps=False
            )
            small = path.name == DATABASE or path.name == MANIFEST
            info.compress_type = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
            info.external_attr = (stat.S_IFREG | 0o600) << 16
            with path.open("rb") as reader, target.open(info, "w", force_zip64=True) as writer:
                while chunk := reader.read(CHUNK):
                    _check_wanted(wanted)
                    writer.write(chunk)


def unpack(
    archive: Path, target: Path, *, limit: int | None, wanted: Callable[[], bool] = always
) -> None:
    """Write what belongs to a user's data into ``target``, a new directory.

    At most ``limit`` bytes are written. Raises :class:`InvalidBackup` for what is no backup, and
    :class:`OSError`; what was written by then is the caller's to remove.
    """
    try:
        _check_directory(archive)
        with zipfile.ZipFile(archive) as source:
            members = _members(source)
            total = sum(info.file_size for info, _ in members)
            if limit is not None and total > limit:
                raise InvalidBackup(f"The archive holds {total} bytes: at most {limit} are taken")
            _check_room(target.parent, total)
            target.mkdir(mode=0o700)
            for info, name in members:
                _write(source, info, target / name, wanted)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise InvalidBackup(f"The archive is damaged, or no ZIP file: {error}") from error
    except (zlib.error, FileExistsError, NotADirectoryError) as error:
        raise InvalidBackup(f"The archive is damaged: {error}") from error


def _files(folder: Path) -> Iterator[Path]:
    """The database first: what is needed to look at a backup is at its beginning."""
    yield folder / MANIFEST
    yield folder / DATABASE
    for place, folders, names in os.walk(folder / "storage"):
        folders.sort()
        for name in sorted(names):
            yield Path(place, name)


def _members(source: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """Return what is taken out, and as what: the files of the outermost data directory."""
    infos = [info for info in source.infolist() if not info.is_dir()]
    roots = [
        PurePosixPath(info.filename).parent
        for info in infos
        if PurePosixPath(info.filename).name == DATABASE
    ]
    if not roots:
        raise InvalidBackup(f"The archive has no {DATABASE}: it is no backup of a PocketBase")
    root = min(roots, key=lambda path: len(path.parts))
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = _checked(info).removeprefix("" if root == PurePosixPath() else f"{root}/")
        if name in (DATABASE, f"{DATABASE}-wal", MANIFEST) or name.startswith("storage/"):
            if name in members:
                raise InvalidBackup(f"The archive has {name!r} twice")
            members[name] = info
    return [(info, name) for name, info in members.items()]


def _checked(info: zipfile.ZipInfo) -> str:
    """Return the name of a member that may be written under it; raise :class:`InvalidBackup`."""
    name, path = info.filename, PurePosixPath(info.filename)
    climbs = path.is_absolute() or ".." in path.parts or "\\" in name
    too_long = any(len(part.encode()) > 255 for part in path.parts)  # NAME_MAX
    if climbs or too_long or name != str(path):
        raise InvalidBackup(f"The archive has a member that leads elsewhere: {name[:200]!r}")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise InvalidBackup(f"The archive has a member that is no plain file: {name[:200]!r}")
    if info.flag_bits & 0x1:
        raise InvalidBackup("The archive is encrypted: take its password off first")
    return name


def _write(
    source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, wanted: Callable[[], bool]
) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = 0
    with source.open(info) as reader, open(path, "xb", opener=_private) as writer:
        while chunk := reader.read(CHUNK):
            _check_wanted(wanted)
            written += len(chunk)
            if written > info.file_size:
                raise InvalidBackup(f"The archive lies about the size of {info.filename[:200]!r}")
            writer.write(chunk)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _check_wanted(wanted: Callable[[], bool]) -> None:
    if not wanted():
        raise BackupError("The manager is stopping")


def _check_room(folder: Path, needed: int) -> None:
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if needed > free:
        raise BackupError(f"The archive holds {needed} bytes, and {free} are free at {folder}")


def _check_directory(archive: Path) -> None:
    """Look how long the list of files is, before it is read into memory (APPNOTE 4.3.14-16)."""
    with archive.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 65_557))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise InvalidBackup("The archive is no ZIP file, or its end is missing")
        size = struct.unpack_from("<I", tail, at + 12)[0]
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
            file.seek(struct.unpack_from("<Q", tail, at - 12)[0])
            record = file.read(56)
            if len(record) == 56 and record[:4] == b"PK\x06\x06":
                size = struct.unpack_from("<Q", record, 40)[0]
    if size > MAX_DIRECTORY:
        raise InvalidBackup(f"The archive has a list of files of {size} bytes: too many files")
