"""Generation: one unbroken line of a database's changes, in a place of its own.

Litestream continues what it finds. Continued with another database, or with one that has changed
behind its back, a replica is damaged in silence. So whenever the database is not the very file it
was, a new generation begins, beside the old ones, which stay as they are::

    <replica>/<user>/e00000001-20261124T150000Z/     epoch of the record, and when it began
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from actors.layout import make_private_directory
from bus.causes import Cause
from bus.errors import InstanceIOError

FORMAT = "%Y%m%dT%H%M%S%fZ"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What we remember, beside the users' data, of the generation that is written."""

    place: str
    """Where replicas go to: ``PB_REPLICA_URL`` as it was then."""
    epoch: int
    began: datetime
    inode: int | None = None
    """The file that the database is; None as long as it has not been made."""

    @property
    def name(self) -> str:
        """What it is called in the replica. Names sort by epoch, then by time."""
        return f"e{self.epoch:08}-{self.began.astimezone(UTC):{FORMAT}}"


def began_at(name: str) -> datetime | None:
    """Return when the generation of that name began; None: it is no generation's name."""
    epoch, _, moment = name.partition("-")
    if not (epoch.startswith("e") and epoch[1:].isdigit()):
        return None
    with contextlib.suppress(ValueError):
        return datetime.strptime(moment, FORMAT).replace(tzinfo=UTC)
    return None


def epoch_of(name: str) -> int:
    """Return the epoch of the generation of that name."""
    return int(name.partition("-")[0].removeprefix("e"))


def is_of(name: str, epoch: int, at: datetime, since: datetime | None = None) -> bool:
    """Whether the generation of that name is of data that were of ``epoch`` ``at`` a moment.

    What began before ``since`` is not, if that is given.
    """
    began = began_at(name)
    if began is None or (since is not None and began < since):
        return False
    return began < at and epoch_of(name) <= epoch


def outdated(
    generations: Mapping[str, datetime], before: datetime, durable: int | None = None
) -> list[str]:
    """Return which generations have nothing that is later than ``before``, by name.

    Each ends where the next one begins, in the order of their names: the epoch tells which of two
    hosts wrote later, their clocks do not. So the last one is never among them. Nor is the last of
    the ``durable`` epoch and those before it, if that is given: a later one is not restored from.
    """
    names = sorted(generations)
    counting = [name for name in names if durable is None or epoch_of(name) <= durable]
    return [
        name for name, following in itertools.pairwise(counting) if generations[following] < before
    ]


class LocalState:
    """The folder beside the users' data for what Litestream and we remember of one user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "litestream.json"
        self.meta = folder / "meta"
        self._path = folder / "generation.json"

    def current(self) -> Generation | None:
        """The generation that was written last; None when there is none, or none to be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Generation)
        except (OSError, msgspec.DecodeError):
            return None

    def begin(self, generation: Generation) -> None:
        """Forget what was, and begin a new one. Raises :class:`InstanceIOError`."""
        try:
            self.forget()
            make_private_directory(self.folder)
            self.note(generation)
        except OSError as error:
            raise InstanceIOError(
                f"IO error: cannot begin a replica: {error}", cause=Cause.IO_ERROR
            ) from error

    def note(self, generation: Generation) -> None:
        """Remember it."""
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(generation))
        draft.rename(self._path)

    def copied_since(self, moment: float) -> bool:
        """Whether Litestream has copied changes after that moment, in seconds since 1970."""
        with contextlib.suppress(OSError), os.scandir(self.meta / "ltx" / "0") as files:
            return any(file.stat().st_mtime >= moment for file in files)
        return False

    def last_change(self) -> str | None:
        """The name of the file with the last changes that Litestream has copied; None: none.

        One that it was writing when it was killed has another name, and is never in the replica.
        """
        with contextlib.suppress(OSError):
            names = os.listdir(self.meta / "ltx" / "0")
            return max((name for name in names if name.endswith(".ltx")), default=None)
        return None

    def forget(self) -> None:
        """Forget everything; the replica itself stays."""
        if self.folder.exists():
            shutil.rmtree(self.folder)


def inode(database: Path) -> int | None:
    """Return which file the database is; None when there is none."""
    try:
        return database.stat().st_ino
    except OSError:
        return None
