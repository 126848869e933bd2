"""Uploads: the one call whose body may be large, taken in by a file and never by memory.

waitress has a whole body before the application sees anything of it. So what is allowed is decided
when the head of a call is there: a body for an import, of one who may come in, goes to a file in
the manager's own directory and may be as large as an archive; every other body stays as small as
it was.
"""

from __future__ import annotations

import copy
import os
import re
import tempfile
from typing import Any

import falcon
from waitress.buffers import FileBasedBuffer
from waitress.parser import HTTPRequestParser
from waitress.utilities import InternalServerError

from api.channel import Channel
from api.guard import Guard
from api.problems import error_body
from bus.errors import BackupError
from bus.settings import Settings

IMPORT = re.compile(r"/api/users/[^/]+/import")

MIB = 1024 * 1024


class ArchiveBuffer(FileBasedBuffer):
    """Holds an archive. Where there is no room for it the rest is taken in, and nothing kept.

    Whoever is still sending would not hear an answer that comes before he is done.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.problem: OSError | None = None

    def append(self, s: Any) -> None:
        """Keep some more bytes, or count them."""
        if self.problem is None:
            try:
                super().append(s)
                return
            except OSError as error:
                self.problem = error
                os.ftruncate(self.file.fileno(), 0)
        self.remain += len(s)


class NoRoom(InternalServerError):
    """The answer to an archive that could not be kept."""

    def to_response(self, ident: object = None) -> Any:
        """Return the status line, the headers and the body."""
        body = error_body(BackupError(f"The archive cannot be kept: {self.body}"))
        return f"{self.code} {self.reason}", [("Content-Type", falcon.MEDIA_JSON)], body


def upload_channel(settings: Settings) -> type[Channel]:
    """Return the class of connections that take archives of up to ``PB_IMPORT_LIMIT_MIB``."""
    folder, limit = settings.uploads_path, settings.import_limit_mib * MIB
    guard = Guard(settings.api_token)

    class Parser(HTTPRequestParser):
        """Decides about the body once the head is read."""

        command: Any
        path: str
        body_rcv: Any
        archive: ArchiveBuffer | None = None

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            large = self.command == "POST" and IMPORT.fullmatch(self.path)
            if large and self.body_rcv is not None and guard.may_upload(self.headers):
                self.adj = copy.copy(self.adj)
                self.adj.max_request_body_size = limit
                file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (its buffer closes it)
                self.body_rcv.buf = self.archive = ArchiveBuffer(file)

        def received(self, data: bytes) -> int:
            consumed: int = super().received(data)
            problem = None if self.archive is None else self.archive.problem
            if self.completed and self.error is None and problem is not None:
                self.error = NoRoom(str(problem.strerror))
            return consumed

    class UploadChannel(Channel):
        """A connection."""

        parser_class: Any = Parser

    return UploadChannel
