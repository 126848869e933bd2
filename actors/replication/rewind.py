"""Rewind: a user's data as of a moment, out of the replica."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from actors.data.contents import file_references
from actors.data.database import UserDataError
from actors.data.storage import link_files, stored_files
from actors.layout import Layout, directory_name, make_private_directory
from actors.replication import litestream
from bus.errors import BackupError, InvalidBackup
from bus.settings import Settings

if TYPE_CHECKING:
    from actors.replication.place import Place

Wanted = Callable[[], bool]
"""Whether somebody still waits for it."""
ATTRIBUTES = ".attrs"
"""PocketBase keeps what it knows of a file beside it, in one of this name."""
NOTHING_YET = ("transaction not available", "no matching backup", "timestamp does not exist")
"""What Litestream says of a moment before the first copy of a generation."""


class Rewind:
    """Makes directories; changes nothing that is anybody's. Used from threads that may wait."""

    def __init__(self, settings: Settings, layout: Layout, place: Place) -> None:
        self._settings = settings
        self._layout = layout
        self._place = place

    def take_out(self, user_id: str, at: datetime, target: Path, wanted: Wanted) -> None:
        """Have in ``target``, a new directory, the user's data as they were at that moment.

        The database is checked as a whole. Raises :class:`InvalidBackup` where there is no such
        moment, :class:`BackupError` where it cannot be had now, or is not ``wanted`` any more.
        """
        user = directory_name(user_id)
        generations = self._place.generations(user)
        earlier = [name for name, began in generations.items() if began <= at]
        make_private_directory(target)
        for name in reversed(earlier):
            if self.put_together(f"{user}/{name}", at, target, wanted=wanted):
                self.add_files(user_id, target, wanted)
                return
        oldest = min(generations.values(), default=None)
        since = "there is no replica" if oldest is None else f"replicas begin at {oldest:%FT%TZ}"
        raise InvalidBackup(f"User {user_id} cannot be taken back to {at:%FT%TZ}: {since}")

    def put_together(
        self,
        source: str,
        at: datetime | None,
        target: Path,
        *,
        check: str = "full",
        wanted: Wanted = lambda: True,
    ) -> bool:
        """Put the database together, as it was last or ``at`` a moment.

        False: the generation was not copied yet then. ``check`` is that of its integrity, `full`
        or `quick`. Raises as :meth:`take_out` does, and soon after it is not ``wanted`` any more.
        """
        config, database = target / "litestream.json", target / "data.db"
        litestream.write_secret(
            config,
            litestream.configuration(self._settings, database, target / "meta", source),
        )
        moment = () if at is None else ("-timestamp", f"{at.astimezone(UTC):%FT%T.%f}Z")
        options = ("-no-expand-env", "-config", str(config), *moment, "-integrity-check", check)
        command = (self._settings.litestream_path, "restore", *options, str(database))
        try:
            ended = litestream.run(command, target, wanted=wanted)
        except OSError as error:
            raise BackupError(f"Litestream was not run to its end: {error}") from error
        finally:
            config.unlink(missing_ok=True)
        if ended.code == 0 and database.exists():
            return True
        if any(each in ended.output for each in NOTHING_YET):
            return False
        said = litestream.last_words(ended)
        if litestream.speaks_of_damage(ended.code, said):
            raise InvalidBackup(f"The replica {source} is damaged: {said}")
        raise BackupError(f"The replica {source} cannot be read: {said}")

    def add_files(self, user_id: str, target: Path, wanted: Wanted = lambda: True) -> None:
        """Add what was uploaded by then: from beside the database, else from the replica."""
        try:
            link_files(self._layout.data(user_id), target)
            named = {reference.path for reference in file_references(target)}
            needed = named | {f"{path}{ATTRIBUTES}" for path in named}
            there = {path for path, _ in stored_files(target)}
            for path in there - needed:
                (target / path).unlink()
            for path in needed - there:
                if not wanted():
                    raise BackupError(f"The files of {user_id} are not wanted any more")
                self._place.fetch(directory_name(user_id), path, target / path)
        except UserDataError as error:
            kind = InvalidBackup if error.at_fault else BackupError
            raise kind(f"The database of {user_id} cannot be read: {error}") from error
        except OSError as error:
            raise BackupError(f"The files of {user_id} cannot be added: {error}") from error
