"""Archives: files of backups, and uploads, wherever in the cluster they lie or are to lie.

On this host they are files; those of other hosts are read and written over the bus, a piece at a
time, so that as much of one is in memory and no more.
"""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path
from typing import BinaryIO, Protocol

from bus.answers import BackupFileAnswer, PieceAnswer, UploadAnswer
from bus.client import BusClient
from bus.errors import BackupError, InvalidBackup, NotFound
from bus.requests import PIECE, UPLOAD_PIECE, PutUpload, ReadBackup
from bus.settings import Settings

COPY = 1024 * 1024


class Source(Protocol):
    """Where an archive comes from."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or less; none: the end."""


class Archives:
    """Any thread may use it."""

    def __init__(self, bus: BusClient, settings: Settings) -> None:
        self._bus = bus
        self._host = settings.cluster_host if settings.cluster_etcd else None
        self._uploads = settings.uploads_path

    def open(self, found: BackupFileAnswer, user_id: str) -> BinaryIO:
        """Open the file of a backup. Raises :class:`NotFound`; whoever reads, what is answered."""
        if found.host != self._host:
            remote = _Remote(self._bus, user_id, found.backup.id)
            return io.BufferedReader(remote, PIECE)
        try:
            return open(found.path, "rb")
        except OSError as error:
            gone = f"The file of backup {found.backup.id} is gone: {error.strerror}"
            raise NotFound(gone) from error

    def take_in(self, user_id: str, source: Source) -> str:
        """Put an archive where the manager of who is to have the user finds it.

        Returns what it is called there. Raises :class:`InvalidBackup` when it is empty, and
        :class:`BackupError`.
        """
        name = f"{secrets.token_hex(16)}.zip"
        put = self._keep if self._host is None else self._send
        if not put(user_id, name, source):
            raise InvalidBackup("The archive is empty: send it as it is, as the body")
        return name

    def _keep(self, user_id: str, name: str, source: Source) -> int:
        path = self._uploads / name
        size = copy_private(source, path)
        if not size:
            path.unlink()
        return size

    def _send(self, user_id: str, name: str, source: Source) -> int:
        size = 0
        while piece := source.read(UPLOAD_PIECE):
            request = PutUpload(user_id=user_id, upload=name, offset=size, piece=piece)
            size = self._bus.ask(request, UploadAnswer).bytes
        return size


def copy_private(source: Source, path: Path) -> int:
    """Copy it to a new file for our eyes only, or leave none; return its size in bytes.

    Raises :class:`BackupError`.
    """
    try:
        with open(path, "xb", opener=_private) as target:
            try:
                while piece := source.read(COPY):
                    target.write(piece)
                return target.tell()
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}") from error


class _Remote(io.RawIOBase):
    """The file of a backup on another host."""

    def __init__(self, bus: BusClient, user_id: str, backup: str) -> None:
        self._bus = bus
        self._user_id = user_id
        self._backup = backup
        self._offset = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, or less of it; 0: the end."""
        request = ReadBackup(user_id=self._user_id, backup=self._backup, offset=self._offset)
        piece = self._bus.ask(request, PieceAnswer).piece[: len(buffer)]
        buffer[: len(piece)] = piece
        self._offset += len(piece)
        return len(piece)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
