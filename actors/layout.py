"""Where everything lies on disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from bus.causes import Cause
from bus.errors import InstanceIOError

LONGEST_NAME = 200
"""Longest encoded user id that is used as it is; file names end at 255 bytes (NAME_MAX)."""


def directory_name(user_id: str) -> str:
    """Return the name of the user's data directory.

    Lower-case ids stand as they are. A capital is written as ``=`` and its small letter, so that
    ``Bob`` and ``bob`` are kept apart where the file system ignores case; ``=`` is no letter of
    a user id. What gets too long that way ends in its hash instead.
    """
    encoded = "".join(f"={c.lower()}" if c.isupper() else c for c in user_id)
    if len(encoded) > LONGEST_NAME:
        encoded = f"{encoded[:100]}=={hashlib.sha256(user_id.encode()).hexdigest()}"
    return f"pb_user_{encoded}.db"


@dataclass(frozen=True, slots=True)
class Layout:
    """The tree under ``PB_USER_DBS_PATH``: the users' directories, and ours in ``.pblm``."""

    root: Path
    control: Path

    def data(self, user_id: str) -> Path:
        """The user's PocketBase data directory."""
        return self.root / directory_name(user_id)

    def log(self, user_id: str) -> Path:
        """The file that the user's PocketBase writes its output to."""
        return self.control / "logs" / f"{directory_name(user_id)}.log"

    def lock(self, user_id: str) -> Path:
        """The file that is locked as long as a process serves the user's directory."""
        return self.control / "locks" / f"{directory_name(user_id)}.lock"

    def empty(self, kind: str) -> Path:
        """The empty directory given to PocketBase as its ``kind`` (migrations, hooks, public)."""
        return self.control / "empty" / kind

    @property
    def registry(self) -> Path:
        """The database of the registry."""
        return self.control / "registry.db"

    def prepare(self) -> None:
        """Make the manager's own directories; raise :class:`InstanceIOError` if that fails."""
        for path in (
            self.root,
            self.control,
            self.control / "run",
            self.control / "logs",
            self.control / "locks",
            self.control / "empty",
            self.empty("migrations"),
            self.empty("hooks"),
            self.empty("public"),
        ):
            make_private_directory(path)


def make_private_directory(path: Path) -> None:
    """Make ``path`` and its parents, 0700; raise :class:`InstanceIOError` if that fails."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(path, 0o700)
    except OSError as error:
        raise InstanceIOError(
            f"IO error: cannot make the directory {path}: {error}", cause=Cause.IO_ERROR
        ) from error
