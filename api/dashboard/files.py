"""Files: what the page is made of, read once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it is sent."""

    content: bytes
    type: str
    etag: str
    """Names this very content."""


def read_files() -> dict[str, File]:
    """Return all files by their paths under the folder."""
    return {
        str(path.relative_to(FOLDER)): _read(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(
        content=content, type=TYPES[path.suffix], etag=hashlib.sha256(content).hexdigest()[:16]
    )
