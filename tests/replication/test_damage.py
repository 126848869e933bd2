"""What is said of a replica's content, and what of a place or a host: Litestream's own words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.data.contents import file_references
from actors.data.database import UserDataError
from actors.replication.litestream import speaks_of_damage

CLOSING = "decode database: unexpected error decoding after end of database: close reader 1: "
PAGE = "decode database: decode page 1: read page header 3: "
DAMAGE = [
    "cannot calc restore plan: non-contiguous ltx files: have up to 02 but next file starts at 04",
    "invalid ltx file: level=0 min=03 max=03 has size 50 bytes (minimum 100)",
    "decode database: decode header: decode header for input 3: invalid flags: 0x00ff5502",
    "decode database: decode header: non-contiguous transaction ids in input files: (3,9) -> (4,4)",
    PAGE + "read compressed data: unexpected EOF",
    PAGE + "decompress block: lz4: invalid source or destination buffer too short",
    CLOSING + "file checksum mismatch",
    CLOSING + "read page index: read page index size: unexpected EOF",
    "post-restore integrity check: integrity check failed: row 7 missing from index",
    "post-restore integrity check: integrity check: database disk image is malformed (11)",
]
REST = [
    PAGE + "max retries exceeded reading ltx file (level=9, min=01, max=02, offset=0): reopen ltx"
    " file at offset 0: open ltx file /r/1.ltx: open /r/1.ltx: too many open files",
    PAGE + "max retries exceeded reading ltx file (level=9, min=01, max=02, offset=0): s3: 503",
    "decode database: write page 2: write /x/data.db.tmp: no space left on device",
    "create temp database path: open /x/data.db.tmp: no space left on device",
    "sync /x/data.db.tmp: input/output error",
    "post-restore integrity check: integrity check: unable to open database file (14)",
    "post-restore integrity check: integrity check: disk I/O error (10)",
    "operation error S3: ListObjectsV2, exceeded maximum number of attempts, 3",
    "cannot calc restore plan: context deadline exceeded",
]
"""Both were written down from Litestream 0.5.17, for files that were cut, changed or removed, and
under limits; some of the latter from its source."""


@pytest.mark.parametrize("said", DAMAGE)
def test_damage_is_what_it_has_read(said: str) -> None:
    """Unless it was ended while it said so."""
    assert speaks_of_damage(1, f"Error: {said}")
    assert not speaks_of_damage(-9, f"Error: {said}")


@pytest.mark.parametrize("said", REST)
def test_what_may_be_over_at_the_next_try_is_none(said: str) -> None:
    """A place that does not answer, a disk that is full, or too few file descriptors."""
    assert not speaks_of_damage(1, f"Error: {said}")


def empty(data: Path) -> None:
    sqlite3.connect(data / "data.db").close()


def garbage(data: Path) -> None:
    (data / "data.db").write_bytes(b"no database" * 100)


def missing(data: Path) -> None:
    """There is none."""


@pytest.mark.parametrize(("make", "at_fault"), [(empty, True), (garbage, True), (missing, False)])
def test_so_it_is_with_what_sqlite_says(
    tmp_path: Path, make: Callable[[Path], None], at_fault: bool
) -> None:
    """A database that lacks a table, one that is none, and one that cannot be opened."""
    make(tmp_path)
    with pytest.raises(UserDataError) as caught:
        list(file_references(tmp_path))
    assert caught.value.at_fault == at_fault
