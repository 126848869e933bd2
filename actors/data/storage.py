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
from collections.abc import Iterator
from pathlib import Path

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
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with open(source, "rb") as reader, place.open("xb") as writer:
        shutil.copyfileobj(reader, writer)
