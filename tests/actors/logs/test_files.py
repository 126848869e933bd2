"""The files of one instance's output: bounded, and never taken from under its writer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from actors.logs import files


class Writer:
    """A process that holds the file open, as PocketBase does."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, data: bytes) -> None:
        assert os.write(self._fd, data) == len(data)

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "alice.log"


@pytest.fixture
def writer(log: Path) -> Writer:
    return Writer(log)


def everything(log: Path) -> bytes:
    return files.read(log, -1_000_000, 1_000_000)[1]


def test_a_small_file_is_left_alone(log: Path, writer: Writer) -> None:
    """Up to its bound nothing is moved."""
    writer.write(b"x" * 100)
    assert files.rotate(log, largest=100, parts=2) == 0
    assert files.all_of(log) == [log]


def test_the_writer_goes_on_in_the_same_file(log: Path, writer: Writer) -> None:
    """What was written is in a part; what is written next begins the file anew."""
    writer.write(b"old\n" * 30)
    inode = log.stat().st_ino
    assert files.rotate(log, largest=119, parts=2) == 120
    writer.write(b"new\n")
    assert (log.stat().st_ino, log.read_bytes()) == (inode, b"new\n")
    assert everything(log) == b"old\n" * 30 + b"new\n"
    assert files.part(log, 1).stat().st_mode & 0o777 == 0o600


def test_no_more_parts_are_kept_than_wanted(log: Path, writer: Writer) -> None:
    """The oldest part goes; the others follow in their order."""
    for letter in b"abcd":
        writer.write(bytes([letter]) * 10)
        files.rotate(log, largest=5, parts=2)
    writer.write(b"e")
    assert everything(log) == b"c" * 10 + b"d" * 10 + b"e"
    assert {path.name for path in log.parent.iterdir()} == {
        "alice.log",
        "alice.log.1",
        "alice.log.2",
    }


def test_a_flood_is_cut_to_size(log: Path, writer: Writer) -> None:
    """Of a file that grew far beyond its bound the end is kept, and the positions still fit."""
    writer.write(b"a" * 10_000 + b"end")
    assert files.rotate(log, largest=100, parts=2) == 10_003
    assert everything(log) == b"a" * 197 + b"end"
    assert files.read(log, -3, 10) == (-3, b"end")


def test_a_hole_of_a_terabyte_is_no_trap(log: Path, writer: Writer) -> None:
    """A file that only claims to be long is not copied through."""
    os.truncate(log, 1 << 40)
    writer.write(b"end")
    files.rotate(log, largest=1000, parts=2)
    assert everything(log)[-3:] == b"end"
    assert sum(path.stat().st_size for path in files.all_of(log)) <= 2000


def test_it_is_read_across_its_parts(log: Path, writer: Writer) -> None:
    """A position before the current file is one in an older part; what is gone is skipped."""
    writer.write(b"0123456789")
    files.rotate(log, largest=9, parts=2)
    writer.write(b"abcdefghij")
    files.rotate(log, largest=9, parts=2)
    writer.write(b"ABC")
    assert files.read(log, -12, 6) == (-12, b"89abcd")
    assert files.read(log, -2, 100) == (-2, b"ijABC")
    assert files.read(log, 1, 1) == (1, b"B")
    assert files.read(log, 3, 100) == (3, b"")
    assert files.read(log, -99, 3) == (-20, b"012")


def test_a_file_that_somebody_else_emptied_is_read_from_its_beginning(
    log: Path, writer: Writer
) -> None:
    """A position that lies behind the end cannot be meant."""
    writer.write(b"0123456789")
    os.truncate(log, 0)
    writer.write(b"new")
    assert files.read(log, 10, 100) == (0, b"new")


def test_what_is_not_there_is_empty(log: Path) -> None:
    """A user whose process never wrote has an empty log."""
    assert files.read(log, -100, 100) == (0, b"")
    assert files.rotate(log, largest=9, parts=2) == 0


def test_without_room_for_the_copy_nothing_is_cut(
    log: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs no line of what was written."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer.write(b"x" * 10)
    monkeypatch.setattr(files, "_copy", full)
    with pytest.raises(OSError, match="No space"):
        files.rotate(log, largest=9, parts=2)
    assert everything(log) == b"x" * 10


def test_it_is_moved_and_removed_as_a_whole(log: Path, writer: Writer) -> None:
    """A new name is that of all parts, and nothing stays behind; doing it again is harmless."""
    other = log.with_name("bob.log")
    for _ in range(2):
        writer.write(b"x" * 10)
        files.rotate(log, largest=9, parts=2)
    writer.write(b"y")
    for _ in range(2):
        files.move(log, other)
    assert everything(other) == b"x" * 20 + b"y"
    assert len(files.all_of(other)) == 3
    files.remove(other)
    files.remove(other)
    assert list(log.parent.iterdir()) == []
