"""Swap: other data in the place of a user's, while nobody serves them; reversible, also by kill -9.

::

    .pblm/swaps/<user>/new          complete, before anything is begun
    write intent ---- data -> old ---- new -> data ---- registry ---- proven ---- remove intent, old
      |                 |                |
      `---- undone -----'                `---- finished: the new data are in place, the old kept

Every step is one rename or one small file, so whatever moment a manager ends at, the files tell
what has happened. :func:`finish_swaps` undoes what is before the last rename and completes what is
behind it. Without an intent, everything in the folder is rubbish.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from actors.durable import remove, rename, sync_tree, write_file
from actors.layout import Layout, left_for, make_private_directory
from actors.records import Record
from actors.store import Store
from bus.causes import Cause
from bus.errors import InstanceIOError, PblmError

log = logging.getLogger(__name__)


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put in the place of what; written before the first rename."""

    what: str
    """Where the new data come from, in words."""
    at: datetime
    had_data: bool
    """Whether there was anything to put aside."""
    identity: str | None
    """That of the new data, and the PocketBase they were last served with."""
    version: str | None
    former_identity: str | None
    former_version: str | None
    proven: bool = False
    """An instance has run on the new data, and answered from its database."""


class Swap:
    """The folder of one user's swap. Steps raise :class:`InstanceIOError`; what is told is true."""

    def __init__(self, layout: Layout, user_id: str, *, folder: Path | None = None) -> None:
        self.data = layout.data(user_id)
        self.folder = folder or layout.swap(user_id)
        self.new = self.folder / "new"
        self.old = self.folder / "old"
        self._failed = self.folder / "failed"
        self._intent = self.folder / "intent.json"
        self._drafts = layout.drafts

    @property
    def intent(self) -> Intent | None:
        """What was begun and is not over; None when nothing was."""
        try:
            return msgspec.json.decode(self._intent.read_bytes(), type=Intent)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise _refusal(f"{self._intent} cannot be read", error) from error

    def exchanged(self, intent: Intent) -> bool:
        """Whether the new data are in the user's place."""
        return self.data.exists() and (self.old.exists() or not intent.had_data)

    def prepare(self) -> Path:
        """Return where the new data are to be put together: there is nothing yet."""
        try:
            shutil.rmtree(self.new, ignore_errors=True)
            make_private_directory(self.folder)
        except OSError as error:
            raise _refusal(f"{self.folder} cannot be cleared", error) from error
        return self.new

    def seal(self) -> None:
        """Have the new data, now complete, on the disk for sure."""
        try:
            sync_tree(self.new)
        except OSError as error:
            raise _refusal(f"{self.new} cannot be written", error) from error

    def announce(self, intent: Intent) -> Path | None:
        """Write down what is to be exchanged; the data may still be served.

        What a former swap has kept is confirmed by this one: it is rubbish now, and lies at the
        path that is returned. To remove it takes the longer the larger it is.
        """
        rubbish = None
        try:
            remove(self._intent)
            if self.old.exists():
                rubbish = self._drafts / f"former-{secrets.token_hex(8)}"
                rename(self.old, rubbish)
        except OSError as error:
            raise _refusal("what was kept before cannot be given up", error) from error
        self.note(intent)
        return rubbish

    def exchange(self, intent: Intent) -> None:
        """Put the new, sealed data in the user's place. Nobody may serve either."""
        if self.intent != intent:
            remove_rubbish(self.announce(intent))
        try:
            if intent.had_data:
                rename(self.data, self.old)
            rename(self.new, self.data)
        except OSError as error:
            self.take_back(intent)
            raise _refusal("the data cannot be put in their place", error) from error

    def note(self, intent: Intent) -> None:
        """Write down the intent, or what has become of it."""
        try:
            write_file(self._intent, msgspec.json.encode(intent))
        except OSError as error:
            raise _refusal(f"{self._intent} cannot be written", error) from error

    def take_back(self, intent: Intent) -> None:
        """Have the old data in the user's place again, wherever it stands. Nobody may serve it."""
        try:
            if self.exchanged(intent):
                remove(self._failed)
                rename(self.data, self._failed)
            if self.old.exists():
                rename(self.old, self.data)
            self.settle()
        except OSError as error:
            raise _refusal("the former data cannot be put back", error) from error

    def settle(self) -> None:
        """It is over: keep what is in the user's place, and nothing else."""
        if not self.folder.exists():
            return
        try:
            remove(self._intent)  # first: without it, the rest is rubbish
            remove(self.folder)
        except OSError as error:
            raise _refusal(f"{self.folder} cannot be removed", error) from error


def remove_rubbish(path: Path | None) -> None:
    """Remove what nobody needs; what cannot be removed is tried again at the next launch."""
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)


def finish_swap(store: Store, layout: Layout, user_id: str) -> None:
    """Finish the swap of a user whom nobody serves, or undo it; the registry follows."""
    swap, record = Swap(layout, user_id), store.get(user_id)
    if record is None or not swap.folder.exists():
        return
    intent = swap.intent
    if intent is None:
        swap.settle()
    elif swap.exchanged(intent):
        store.put(with_data_of(record, intent.identity, intent.version))
    else:
        store.put(with_data_of(record, intent.former_identity, intent.former_version))
        swap.take_back(intent)


def with_data_of(record: Record, identity: str | None, version: str | None) -> Record:
    """Return the user's row with other data on record."""
    return msgspec.structs.replace(record, identity=identity, version=version)


def finish_swaps(store: Store, layout: Layout) -> None:
    """Finish or undo what the end of a manager interrupted. Before any instance is started.

    One that cannot be finished now holds up nobody else.
    """
    for user_id in left_for(layout.swaps, [record.user_id for record in store.records()]):
        with telling(user_id, "the exchange of its data is not finished"):
            finish_swap(store, layout, user_id)


@contextlib.contextmanager
def telling(user_id: str, problem: str) -> Iterator[None]:
    """Have what goes wrong with one user be told in the log, and nobody else know of it.

    The next launch tries again. What is started on its data until then is refused by the guard.
    """
    try:
        yield
    except (PblmError, OSError) as error:
        log.error("%s: %s: %s", user_id, problem, error)


def _refusal(what: str, error: Exception) -> InstanceIOError:
    return InstanceIOError(f"IO error: {what}: {error}", cause=Cause.IO_ERROR)
