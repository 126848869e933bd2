"""Trial: the first start of a user's data with another PocketBase, and the way back.

::

    copy -> exchange: the copy in the user's place, the data themselves put aside -> start
                                                                                      |
            the data themselves in their place again, the former PocketBase <-- fails-+-- runs
                                                                                          |
                                        what was put aside is kept for a while <----------'

So the former data are never touched, and which of the two is in place is told by the files at any
moment: see :mod:`actors.data.swap`, whose renames these are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime

import msgspec

from actors.data.contents import copy_database
from actors.data.database import UserDataError
from actors.data.storage import link_files
from actors.data.swap import Intent, Swap
from actors.layout import Layout, left_for
from actors.records import Record
from actors.store import Store
from actors.versions.shelf import Binary
from actors.versions.versions import Versions
from bus.causes import Cause
from bus.errors import InstanceIOError
from bus.states import Status

COPIED = ("auxiliary.db", "auxiliary.db-wal")
"""Beside the database and the uploads: the request log. The rest PocketBase makes anew."""
LINKED = "backups"
"""What PocketBase's own backups are; never changed, so a second name is a copy."""


class Trial:
    """That of one user. Nobody may serve the data while a step is taken, except for the copy."""

    def __init__(self, layout: Layout, user_id: str) -> None:
        self._swap = Swap(layout, user_id, folder=layout.upgrade(user_id))

    def is_under_way(self, binary: Binary) -> bool:
        """Whether the copy is in place for a first start with ``binary``, not yet over."""
        intent = self._swap.intent
        if intent is None or intent.proven or not self._swap.exchanged(intent):
            return False
        return intent.version == binary.version

    def copy(self, wanted: Callable[[], bool]) -> None:
        """Make the copy, until it is not ``wanted`` any more. Takes as long as the data are large.

        Raises :class:`InstanceIOError`.
        """
        data, new = self._swap.data, self._swap.prepare()
        try:
            new.mkdir(mode=0o700)
            copy_database(data, new, wanted)
            link_files(data, new)
            for name in COPIED:
                if (data / name).exists():
                    shutil.copyfile(data / name, new / name)
            if (data / LINKED).is_dir():
                shutil.copytree(data / LINKED, new / LINKED)
            self._swap.seal()
        except (OSError, UserDataError, shutil.Error) as error:
            raise InstanceIOError(
                f"IO error: the data cannot be copied before the upgrade: {error}",
                cause=Cause.IO_ERROR,
            ) from error

    def begin(self, record: Record, binary: Binary, now: datetime) -> None:
        """Put the copy in the user's place. Raises :class:`InstanceIOError`."""
        self._swap.exchange(
            Intent(
                what=f"a copy, for a first start with {binary}",
                at=now,
                had_data=True,
                identity=record.identity,
                version=binary.version,
                former_identity=record.identity,
                former_version=record.version,
            )
        )

    def take_back(self) -> bool:
        """Have the former data in their place again; False when nothing was under way."""
        intent = self._swap.intent
        if intent is None or intent.proven:
            return False
        self._swap.take_back(intent)
        return True

    def prove(self) -> None:
        """It runs: keep the former data aside, where nobody needs them any more."""
        intent = self._swap.intent
        if intent is not None and not intent.proven:
            self._swap.note(msgspec.structs.replace(intent, proven=True))

    def forget(self, before: datetime) -> None:
        """Remove what was put aside before then."""
        intent = self._swap.intent
        if intent is None or (intent.proven and intent.at < before):
            self._swap.settle()

    def finish(self) -> None:
        """Undo what the end of a manager has left half done; what is in place is left there."""
        intent = self._swap.intent
        if intent is not None and not intent.proven and not self._swap.exchanged(intent):
            self._swap.take_back(intent)


def serving(versions: Versions, layout: Layout, record: Record) -> Binary:
    """Return what serves the user, whose process has been found alive."""
    trying = record.status is Status.STARTING
    if trying and Trial(layout, record.user_id).is_under_way(versions.current):
        return versions.current
    return versions.again(record)


def finish_trials(store: Store, layout: Layout, kept_since: datetime) -> None:
    """See to what the end of a manager has left of every user's. Before any instance is started."""
    for user_id in left_for(layout.upgrades, [record.user_id for record in store.records()]):
        trial = Trial(layout, user_id)
        trial.finish()
        trial.forget(kept_since)
