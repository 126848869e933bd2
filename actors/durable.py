"""Durable: what is done to files so that neither kill -9 nor a power cut leaves half of it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def rename(source: Path, target: Path) -> None:
    """Give what is at ``source`` its place; it has it for sure afterwards."""
    source.rename(target)
    for folder in {source.parent, target.parent}:
        sync(folder)


def write_file(path: Path, content: bytes) -> None:
    """Have the file hold ``content``; at no moment does it hold anything but that or the former."""
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.chmod(0o600)
    sync(draft)
    rename(draft, path)


def remove(path: Path) -> None:
    """Have nothing at ``path``."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    sync(path.parent)


def sweep(folder: Path, before: float) -> None:
    """Have nothing in ``folder`` that was last changed before then, in seconds since 1970.

    Raises :class:`OSError`.
    """
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has moved away meanwhile
            if path.lstat().st_mtime < before:
                remove(path)


def sync_tree(top: Path) -> None:
    """Have everything under ``top`` on the disk for sure."""
    for folder, _, names in os.walk(top):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            sync(Path(path))


def sync(path: Path) -> None:
    """Have one file, or a directory's list of names, on the disk for sure."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
