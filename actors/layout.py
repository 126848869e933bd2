"""Where everything lies on disk, and where each user's instance is reached from outside."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bus.causes import Cause
from bus.errors import InstanceIOError
from bus.labels import label_of
from bus.settings import is_loopback

LONGEST_NAME = 200
"""Longest encoded user id that is used as it is; file names end at 255 bytes (NAME_MAX)."""

KEPT_NAMES = 1024
"""So many users' paths are remembered: making one takes as long as all else of a read."""

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - see Layout.listening

PRIVATE = 0o700
PASSABLE = 0o711
"""Passed through by all, listed by us only."""


@functools.lru_cache(KEPT_NAMES)
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


class Layout(msgspec.Struct, frozen=True):
    """The tree under ``PB_USER_DBS_PATH``: the users' directories, and ours in ``.pblm``."""

    root: Path
    control: Path
    shared: bool = False
    """Whether processes of other uids pass through to what is theirs."""
    backups_path: Path | None = None
    """Where backups are kept; None: beside the rest of what is ours."""
    address: str = LOOPBACK
    """Where the instances are reached; an IPv6 one in brackets."""
    host: str | None = None
    """In a cluster: the name of the host that all this is on."""
    door: str | None = None
    """The address at the door, with ``{}`` for a user's host label; None: there is no door."""

    @property
    def listening(self) -> str:
        """The address that the instances listen on.

        The one at which they are reached. Where that is of IPv6 they listen on all: what looks at
        them from this host does so by IPv4.
        """
        if not self.address.startswith("["):
            return self.address
        return LOOPBACK if is_loopback(self.address) else EVERYWHERE

    @property
    def near(self) -> str:
        """The address, of IPv4, at which this host itself asks them."""
        return LOOPBACK if self.listening == EVERYWHERE else self.listening

    def public_url(self, user_id: str) -> str | msgspec.UnsetType:
        """Where the user's instance is reached from outside."""
        return msgspec.UNSET if self.door is None else self.door.format(label_of(user_id))

    def data(self, user_id: str) -> Path:
        """The user's PocketBase data directory."""
        return _under(self.root, user_id)

    def trash(self, user_id: str) -> Path:
        """Where the user's data directory waits to be purged."""
        return self.control / "trash" / directory_name(user_id)

    def log(self, user_id: str) -> Path:
        """The file that the user's PocketBase writes its output to."""
        return self.control / "logs" / f"{directory_name(user_id)}.log"

    def lock(self, user_id: str) -> Path:
        """The file that is locked as long as a process serves the user's directory."""
        return self.control / "locks" / f"{directory_name(user_id)}.lock"

    def migrations(self, user_id: str) -> Path:
        """The link by which the user's PocketBase finds the template's migrations."""
        return self.control / "migrations" / directory_name(user_id)

    def swap(self, user_id: str) -> Path:
        """Where other data wait to be put in the place of the user's, and what was there before."""
        return self.swaps / directory_name(user_id)

    @property
    def swaps(self) -> Path:
        """Where what is swapped lies, of all users."""
        return self.control / "swaps"

    @property
    def drafts(self) -> Path:
        """What is on its way to be something else, or nothing: rubbish at the next launch."""
        return self.control / "drafts"

    @property
    def backups_root(self) -> Path:
        """Where all backups are."""
        return self.backups_path or self.control / "backups"

    def backups(self, user_id: str) -> Path:
        """Where the user's backups are."""
        return self.backups_root / directory_name(user_id)

    @property
    def proofs(self) -> Path:
        """Where backups are tried; the processes that try them pass through."""
        return self.control / "proofs"

    def replication(self, user_id: str) -> Path:
        """What is remembered of the replica of the user's database."""
        return self.control / "replication" / directory_name(user_id)

    def upgrade(self, user_id: str) -> Path:
        """Likewise, for a first start with another PocketBase."""
        return self.upgrades / directory_name(user_id)

    @property
    def upgrades(self) -> Path:
        """What is kept for the case that an upgrade fails, of all users."""
        return self.control / "upgrades"

    @property
    def lost_and_found(self) -> Path:
        """Data that were overtaken by another host's, until they are purged."""
        return self.control / "lost+found"

    @property
    def registry(self) -> Path:
        """The database of the registry."""
        return self.control / "registry.db"

    @property
    def rollout(self) -> Path:
        """What is remembered of the last rollout."""
        return self.control / "rollout.json"

    @property
    def nursery(self) -> Path:
        """Where data directories for new users are made."""
        return self.control / "nursery"

    def prepare(self) -> None:
        """Make the manager's own directories; raise :class:`InstanceIOError` if that fails."""
        for path in (
            self.root,
            self.control,
            self.control / "templates",
            self.control / "migrations",
            self.nursery,
            self.proofs,
        ):
            make_directory(path, PASSABLE if self.shared else PRIVATE)
        for path in (
            self.control / "run",
            self.control / "door",
            self.control / "logs",
            self.control / "locks",
            self.control / "trash",
            self.drafts,
            self.swaps,
            self.upgrades,
            self.control / "uploads",
            self.backups_root,
        ):
            make_private_directory(path)


@functools.lru_cache(KEPT_NAMES)
def _under(root: Path, user_id: str) -> Path:
    return root / directory_name(user_id)


def make_private_directory(path: Path) -> None:
    """Make ``path`` and its parents, for us only; raise :class:`InstanceIOError` if that fails."""
    make_directory(path, PRIVATE)


def make_directory(path: Path, mode: int) -> None:
    """Make ``path`` and its parents, ``path`` itself with ``mode``."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)
    except OSError as error:
        raise InstanceIOError(
            f"IO error: cannot make the directory {path}: {error}", cause=Cause.IO_ERROR
        ) from error


def left_for(above: Path, user_ids: Iterable[str]) -> list[str]:
    """Return the users who have a directory of their name in the one ``above``.

    It is read once: of ten thousand users hardly one has anything there.
    """
    try:
        names = set(os.listdir(above))
    except FileNotFoundError:
        return []
    return [user_id for user_id in user_ids if directory_name(user_id) in names] if names else []
