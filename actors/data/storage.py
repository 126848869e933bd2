"""Uploaded files: a second name for each, which costs no space and no time.

PocketBase never changes a file that it has stored: it writes another one, with a random name. So
a hard link to it is a copy. Who serves the directory may not be trusted: nothing but plain files
is taken, and no symbolic link is followed, wherever it lies.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

THUMBS = "thumbs_"
"""PocketBase makes these directories' files again when they are asked for."""
UNLINKABLE = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM})
"""Another file system, too many names, or a file of another user: copied instead."""


def link_files(data: Path, target: Path) -> None:
    """Have every file under ``data/storage`` also be under ``target/storage``.

    What is there already is left, what vanishes meanwhile is left out. Raises :class:`OSError`.
    """
    top = data / "storage"
    if not top.is_dir() or top.is_symlink():
        return
    for folder, folders, names, fd in os.fwalk(top, follow_symlinks=False):
        folders[:] = [name for name in folders if not name.startswith(THUMBS)]
        place = target / "storage" / os.path.relpath(folder, top)
        if names:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                _link(name, fd, place / name)


def opened_files(data: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, BinaryIO]]:
    """Open each file under ``data/storage`` whose path, relative to ``data``, is ``wanted``.

    What vanishes meanwhile is left out. Raises :class:`OSError`.
    """
    top = data / "storage"
    if not top.is_dir() or top.is_symlink():
        return
    for folder, folders, names, fd in os.fwalk(top, follow_symlinks=False):
        folders[:] = [name for name in folders if not name.startswith(THUMBS)]
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), data)
            if not wanted(path):
                continue
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    with _opened(name, fd) as file:
                        yield path, file


def stored_files(root: Path) -> Iterator[tuple[str, int]]:
    """Yield path, relative to ``root``, and size of each file under ``root/storage``, sorted."""
    for folder, folders, names in os.walk(root / "storage"):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, root), os.lstat(path).st_size


def _link(name: str, folder: int, place: Path) -> None:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        return
    try:
        os.link(name, place, src_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in UNLINKABLE:
            raise
        _copy(name, folder, place)


def _copy(name: str, folder: int, place: Path) -> None:
    with _opened(name, folder) as reader, place.open("xb") as writer:
        shutil.copyfileobj(reader, writer)


def _opened(name: str, folder: int) -> BinaryIO:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return open(os.open(name, flags, dir_fd=folder), "rb")
