"""Workshop: what is done to backups, each in a thread of the keeper's pool and as long as it takes.

Nothing here changes the state of an instance: it makes files, in places that are ours.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from actors.backups.archive import pack, unpack
from actors.backups.catalogue import Catalogue, Entry
from actors.backups.manifest import Kind, Manifest
from actors.backups.proof import Prover
from actors.backups.snapshot import MANIFEST, fingerprint_of, sha256_of, take
from actors.data import contents
from actors.data.contents import Generation
from actors.data.database import UserDataError
from actors.data.userdata import read_identity, renew_secrets
from actors.disk import MIB, free_bytes
from actors.durable import rename, sync, sync_tree
from actors.isolation.isolation import give
from actors.layout import make_private_directory
from actors.records import Record
from actors.services import Services
from bus.errors import BackupError, InvalidBackup

Progress = Callable[[str], None]
SPARE = 64 * MIB
"""Disk space that a backup leaves free, in bytes."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Data that are complete and on the disk, and wait to be put in their place."""

    path: str
    identity: str
    version: str | None


class Workshop:
    """Knows how, not when."""

    def __init__(
        self, services: Services, catalogue: Catalogue, prover: Prover, halted: threading.Event
    ) -> None:
        """What is under way fails soon after ``halted`` is set."""
        self._services = services
        self._catalogue = catalogue
        self._prover = prover
        self._layout = services.layout
        self._wanted = lambda: not halted.is_set()

    def back_up(
        self, record: Record, kind: Kind, progress: Progress, at: datetime | None = None
    ) -> Entry | None:
        """Make a backup of the user's data; None: scheduled, and nothing has changed.

        Of the data as they were ``at`` a moment, if one is given.
        """
        user_id, data = record.user_id, self._layout.data(record.user_id)
        newest = self._catalogue.newest(user_id) if kind is Kind.SCHEDULED else None
        fingerprint = fingerprint_of(data, self._services.clock.now())
        if newest is not None and newest.manifest.fingerprint == fingerprint is not None:
            return None
        now = self._services.clock.now()
        backup_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        with _failures(f"The backup of {user_id} failed"), self._draft(backup_id) as draft:
            self._check_room(data)
            progress("copying")
            manifest = self._copy(record, kind, draft, at)
            if newest is not None and newest.manifest.content == manifest.content:
                known = msgspec.structs.replace(newest.manifest, fingerprint=fingerprint)
                self._catalogue.put(user_id, msgspec.structs.replace(newest, manifest=known))
                return None
            progress("packing")
            entry = self._pack(user_id, draft, Entry(id=backup_id, manifest=manifest))
        self._catalogue.put(user_id, entry)
        return entry

    def prepare(
        self, user_id: str, entry: Entry, target: Path, *, other: Record | str | None
    ) -> Prepared:
        """Take a backup out into ``target``, a place of ours; checked, and on the disk.

        For an ``other`` user, by record or, where there is none yet, by id, its secrets are new,
        and its identity is that on record.
        """
        archive, manifest = self._catalogue.archive(user_id, entry), entry.manifest
        with _failures(f"Backup {entry.id} cannot be restored"), _or_nothing(target):
            self._unpack(archive, entry, target)
            identity = manifest.identity
            if other is not None:
                known = other.identity if isinstance(other, Record) else None
                identity = renew_secrets(target, known)
            sync_tree(target)
        return Prepared(path=str(target), identity=identity, version=manifest.version)

    def prove(self, user_id: str, entry: Entry, uid: int | None) -> None:
        """Raise :class:`BackupError` or :class:`InvalidBackup` unless the backup would help."""
        scratch = self._layout.proofs / f"{entry.id}-{secrets.token_hex(4)}"
        try:
            with _failures(f"Backup {entry.id} is of no use"):
                self._unpack(self._catalogue.archive(user_id, entry), entry, scratch)
            with self._uid(uid) as run_as:
                self._prover.prove(scratch, user_id, run_as, migrate=False)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def take_in(
        self, upload: Path, user_id: str, *, keep_secrets: bool, progress: Progress
    ) -> Prepared:
        """Make an uploaded archive, of whomever, data that can be a new user's.

        It is run once, with the template's migrations, before it is anybody's.
        """
        scratch = self._layout.proofs / f"import-{secrets.token_hex(8)}"
        limit = self._services.settings.import_limit_mib * MIB
        try:
            with _failures("The archive cannot be imported"), _or_nothing(scratch):
                progress("unpacking")
                unpack(upload, scratch, limit=limit, wanted=self._wanted)
                (scratch / MANIFEST).unlink(missing_ok=True)
                progress("checking")
                _check_foreign(scratch)
                contents.make_whole(scratch)
                identity = read_identity(scratch)
                if not keep_secrets:
                    identity = renew_secrets(scratch)
                progress("starting")
                with self._uid(None) as run_as:
                    self._prover.prove(scratch, user_id, run_as, migrate=True)
                sync_tree(scratch)
                self._take_ownership(scratch)
        finally:
            upload.unlink(missing_ok=True)
        return Prepared(path=str(scratch), identity=identity, version=self._services.version)

    def _copy(self, record: Record, kind: Kind, draft: Path, at: datetime | None) -> Manifest:
        now = self._services.clock.now
        with self._source(record.user_id, draft, at) as data:
            manifest = take(
                data,
                draft,
                user_id=record.user_id,
                identity=record.identity,
                version=record.version,
                kind=kind,
                now=now if at is None else lambda: min(at, now()),
                wanted=self._wanted,
            )
        return manifest if at is None else msgspec.structs.replace(manifest, fingerprint=None)

    @contextlib.contextmanager
    def _source(self, user_id: str, draft: Path, at: datetime | None) -> Iterator[Path]:
        """The user's data as they are, or as they were: then for the time being."""
        if at is None:
            yield self._layout.data(user_id)
            return
        past = draft.with_name(f"{draft.name}-past")
        replicas = self._services.replicas
        assert replicas is not None
        try:
            replicas.take_out(user_id, at, past, self._wanted)
            yield past
        finally:
            shutil.rmtree(past, ignore_errors=True)

    def _pack(self, user_id: str, draft: Path, entry: Entry) -> Entry:
        folder = self._catalogue.folder(user_id)
        make_private_directory(folder)
        part = folder / f"{entry.id}.part"
        try:
            pack(draft, part, self._wanted)
            sync(part)
            size, digest = part.stat().st_size, sha256_of(part)
            rename(part, folder / f"{entry.id}.zip")
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return msgspec.structs.replace(entry, bytes=size, sha256=digest)

    def _unpack(self, archive: Path, entry: Entry, target: Path) -> None:
        if not archive.exists():
            raise InvalidBackup(f"Its file {archive} is gone")
        if sha256_of(archive) != entry.sha256:
            raise InvalidBackup(f"Its file {archive} is not what was written: it is damaged")
        unpack(archive, target, limit=None, wanted=self._wanted)
        (target / MANIFEST).unlink(missing_ok=True)
        contents.quick_check(target)
        found = sha256_of(target / "data.db")
        if found != entry.manifest.database_sha256:
            raise InvalidBackup("Its database is not what was written")

    def _check_room(self, data: Path) -> None:
        database = data / "data.db"  # of whoever has lost it a former moment may be wanted
        needed = (database.stat().st_size if database.exists() else 0) + SPARE
        for place in (self._layout.control, self._layout.backups_root):
            free = free_bytes(place)
            if free < needed:
                raise BackupError(f"{free} bytes are free at {place}, {needed} are needed")

    @contextlib.contextmanager
    def _draft(self, backup_id: str) -> Iterator[Path]:
        draft = self._layout.drafts / backup_id
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @contextlib.contextmanager
    def _uid(self, uid: int | None) -> Iterator[int | None]:
        """The uid to run a trial under: the user's, or one for the time being; None: ours."""
        isolation = self._services.isolation
        if not isolation.by_uid or uid is not None:
            yield uid
            return
        borrowed = isolation.new_uid()
        try:
            yield borrowed
        finally:
            isolation.release_uid(borrowed)

    def _take_ownership(self, folder: Path) -> None:
        """What a trial ran on belongs to us again, until it is some user's."""
        if self._services.isolation.by_uid:
            give(folder, os.geteuid())


def _check_foreign(data: Path) -> None:
    """Raise :class:`InvalidBackup` unless PocketBase 0.23 or later made the database."""
    try:
        match contents.generation(data):
            case Generation.NONE:
                raise InvalidBackup("Its data.db is no database of a PocketBase")
            case Generation.OLD:
                raise InvalidBackup(
                    "Its data.db is of a PocketBase before 0.23: start PocketBase 0.23 or later on "
                    "it once, stop it, and import that"
                )
        contents.quick_check(data)
        if contents.describe(data).settings_encrypted:
            raise InvalidBackup(
                "Its settings are encrypted, and the key is not here: save them without "
                "--encryptionEnv, and import that"
            )
    except UserDataError as error:
        raise InvalidBackup(f"Its data.db is damaged: {error}") from error


@contextlib.contextmanager
def _failures(what: str) -> Iterator[None]:
    """Have every failure say ``what`` it means."""
    try:
        yield
    except (BackupError, InvalidBackup) as error:
        raise type(error)(f"{what}: {error.message}") from error
    except (OSError, UserDataError, msgspec.DecodeError) as error:
        raise BackupError(f"{what}: {error}") from error


@contextlib.contextmanager
def _or_nothing(folder: Path) -> Iterator[None]:
    """Leave no folder behind unless all goes well."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
