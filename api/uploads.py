"""Uploads: the one call whose body may be large, taken in by a file and never by memory.

waitress has a whole body before the application sees anything of it. So what is allowed is decided
when the head of a call is there: a body for an import, of one who may come in, goes to a file in
the manager's own directory and may be as large as an archive; every other body stays as small as
it was.
"""

from __future__ import annotations

import copy
import re
import tempfile
from typing import Any

from waitress.buffers import FileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

from api.guard import Guard
from bus.settings import Settings

IMPORT = re.compile(r"/api/users/[^/]+/import")

MIB = 1024 * 1024


def upload_channel(settings: Settings) -> type[HTTPChannel]:
    """Return the class of connections that take archives of up to ``PB_IMPORT_LIMIT_MIB``."""
    folder, limit = settings.uploads_path, settings.import_limit_mib * MIB
    guard = Guard(settings.api_token)

    class Parser(HTTPRequestParser):
        """Decides about the body once the head is read."""

        command: Any
        path: str
        body_rcv: Any

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            large = self.command == "POST" and IMPORT.fullmatch(self.path)
            if large and self.body_rcv is not None and guard.may_upload(self.headers):
                self.adj = copy.copy(self.adj)
                self.adj.max_request_body_size = limit
                file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (its buffer closes it)
                self.body_rcv.buf = FileBasedBuffer(file)

    class Channel(HTTPChannel):
        """A connection."""

        parser_class: Any = Parser

    return Channel
