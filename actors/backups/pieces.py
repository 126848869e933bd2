"""Pieces: files on their way from host to host, over the bus, a piece at a time."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from actors.backups.catalogue import Catalogue
from actors.backups.restores import UPLOAD
from actors.durable import sweep
from actors.facts import Reply
from actors.services import Services
from bus.answers import ErrorAnswer, PieceAnswer, UploadAnswer
from bus.errors import BackupError, Conflict, NotFound, PblmError
from bus.requests import PIECE, PutUpload, ReadBackup

THREADS = 2
"""Pieces that are read or written at once: each takes as long as the disk, and waits for none."""
ABANDONED = 3600.0
"""Seconds without another piece after which an upload is removed, when the next one begins."""


class Pieces:
    """Belongs to the keeper. Answers from threads of its own."""

    def __init__(self, services: Services, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._uploads = services.settings.uploads_path
        self._now = services.clock.now
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pieces")

    def serve(self, request: ReadBackup | PutUpload, reply: Reply) -> None:
        """Read or write it, and ``reply``."""

        def work() -> None:
            try:
                answer = (
                    self._read(request) if isinstance(request, ReadBackup) else self._put(request)
                )
            except PblmError as error:
                reply(ErrorAnswer.of(error))
            except OSError as error:
                what = f"The file cannot be handed over: {error.strerror}"
                reply(ErrorAnswer.of(BackupError(what)))
            else:
                reply(answer)

        self._pool.submit(work)

    def close(self) -> None:
        """End the threads, after the pieces under way."""
        self._pool.shutdown(cancel_futures=True)

    def _read(self, request: ReadBackup) -> PieceAnswer:
        entry = self._catalogue.find(request.user_id, request.backup)
        try:
            with self._catalogue.archive(request.user_id, entry).open("rb") as file:
                file.seek(request.offset)
                return PieceAnswer(piece=file.read(PIECE))
        except FileNotFoundError as error:
            raise NotFound(f"The file of backup {request.backup} is gone") from error

    def _put(self, request: PutUpload) -> UploadAnswer:
        if not UPLOAD.fullmatch(request.upload):
            raise NotFound(f"No upload is called {request.upload[:100]!r}")
        if request.offset == 0:
            self._clear_up()
        with open(self._uploads / request.upload, "ab", opener=_private) as file:
            if file.tell() != request.offset:
                raise Conflict(f"The upload has {file.tell()} bytes, not {request.offset}")
            file.write(request.piece)
            return UploadAnswer(bytes=file.tell())

    def _clear_up(self) -> None:
        """Remove what nobody has finished."""
        with contextlib.suppress(OSError):
            sweep(self._uploads, self._now().timestamp() - ABANDONED)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
