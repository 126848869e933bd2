"""Restores: backups, and what was uploaded, on their way to be users' data."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from actors.backups.catalogue import Catalogue, Entry
from actors.backups.jobs import Jobs
from actors.backups.progress import progress_of
from actors.backups.workshop import Prepared, Workshop
from actors.data.guard import is_older
from actors.data.orders import AdoptData, KeepData, PutDataBack, ReplaceData
from actors.data.swap import Swap
from actors.data.userdata import identities
from actors.facts import Reply
from actors.records import Record
from actors.services import Services
from bus.answers import Answer, ErrorAnswer, InstanceAnswer
from bus.errors import Conflict, InvalidBackup, NotFound, PblmError
from bus.events import InstanceRestored, RestoreFailed
from bus.requests import ConfirmRestore, ImportInstance, RestoreBackup, UndoRestore

RestoreRequest = RestoreBackup | UndoRestore | ConfirmRestore | ImportInstance


UPLOAD = re.compile(r"[0-9a-f]{32}\.zip")
"""What an upload is called: nothing else is looked for, or removed."""


class Restores:
    """Belongs to the keeper. The data are made ready here; the user's own actor puts them in."""

    def __init__(
        self, services: Services, catalogue: Catalogue, jobs: Jobs, workshop: Workshop
    ) -> None:
        self._services = services
        self._catalogue = catalogue
        self._jobs = jobs
        self._workshop = workshop

    def serve(self, request: RestoreRequest, reply: Reply) -> None:
        """Begin; ``reply`` is called when it is over, or :class:`PblmError` raised."""
        match request:
            case RestoreBackup():
                self._restore(request, reply)
            case UndoRestore(user_id=user_id):
                self._order(user_id, PutDataBack(user_id=user_id), "its former data", reply)
            case ConfirmRestore(user_id=user_id):
                self._jobs.check_free([user_id])
                self._services.order(KeepData(user_id=user_id), reply)
            case ImportInstance():
                self._import(request, reply)

    def _restore(self, request: RestoreBackup, reply: Reply) -> None:
        user_id, target = request.user_id, request.to or request.user_id
        entry = self._catalogue.find(user_id, request.backup)
        record = self._services.store.get(target)
        self._check(entry, record)
        users = sorted({user_id, target})
        self._jobs.take(users, "A restore")
        progress = progress_of(self._services, target, "restore")
        other = None if target == user_id else record or target
        swap = Swap(self._services.layout, target)

        def work() -> Prepared:
            progress("unpacking")
            if record is not None:
                place = swap.prepare()
            else:
                place = self._services.layout.drafts / f"restore-{entry.id}"
            return self._workshop.prepare(user_id, entry, place, other=other)

        def prepared(data: Prepared) -> None:
            progress("replacing")
            what = f"backup {entry.id} of {user_id}"
            self._put(target, data, what, users, reply, known=record is not None)

        self._jobs.run(work, prepared, self._failure(target, users, reply))

    def _import(self, request: ImportInstance, reply: Reply) -> None:
        user_id = request.user_id
        upload = self._services.layout.control / "uploads" / request.upload
        try:
            if not UPLOAD.fullmatch(request.upload) or not upload.is_file():
                raise NotFound(f"There is no upload {request.upload[:100]!r}")
            if self._services.store.get(user_id) is not None:
                raise Conflict(f"User {user_id} has an instance already")
            self._jobs.take([user_id], "An import")
        except PblmError:
            if UPLOAD.fullmatch(request.upload):
                upload.unlink(missing_ok=True)
            raise

        def work() -> Prepared:
            return self._workshop.take_in(
                upload,
                user_id,
                keep_secrets=request.keep_secrets,
                progress=progress_of(self._services, user_id, "import"),
            )

        failed = self._failure(user_id, [user_id], reply)

        def prepared(data: Prepared) -> None:
            try:
                self._check_identity(data)
            except Conflict as error:
                shutil.rmtree(data.path, ignore_errors=True)
                failed(error)
            else:
                self._put(user_id, data, "an imported archive", [user_id], reply, known=False)

        self._jobs.run(work, prepared, failed)

    def _check(self, entry: Entry, record: Record | None) -> None:
        manifest = entry.manifest
        if record is not None and record.deleted_at is not None:
            raise Conflict(f"User {record.user_id} is deleted: undelete the instance first")
        if is_older(self._services.version, manifest.version):
            raise InvalidBackup(
                f"The backup is of PocketBase {manifest.version}, this is "
                f"{self._services.version}: set PB_BINARY_PATH to that version or a newer one"
            )

    def _put(
        self,
        target: str,
        data: Prepared,
        what: str,
        users: list[str],
        reply: Reply,
        *,
        known: bool,
    ) -> None:
        order: ReplaceData | AdoptData
        if known:
            order = ReplaceData(
                user_id=target, what=what, identity=data.identity, version=data.version
            )
        else:
            order = AdoptData(
                user_id=target,
                draft=data.path,
                what=what,
                identity=data.identity,
                version=data.version,
            )
        self._order(target, order, what, reply, users)

    def _order(
        self,
        target: str,
        order: ReplaceData | AdoptData | PutDataBack,
        what: str,
        reply: Reply,
        users: list[str] | None = None,
    ) -> None:
        """Have the user's own actor, or the supervisor, do it; tell everybody what came of it."""
        if users is None:
            users = [target]
            self._jobs.take(users, "A restore")

        def over(answer: Answer) -> None:
            self._jobs.give_back(users)
            now = self._services.clock.now()
            if isinstance(answer, ErrorAnswer):
                if isinstance(order, AdoptData):
                    shutil.rmtree(order.draft, ignore_errors=True)
                self._services.publish(RestoreFailed(at=now, user_id=target, reason=answer.message))
            elif isinstance(answer, InstanceAnswer) and answer.instance is not None:
                self._services.publish(
                    InstanceRestored(at=now, user_id=target, reason=what, instance=answer.instance)
                )
            reply(answer)

        self._services.order(order, lambda answer: self._jobs.go_on(answer, over))

    def _failure(self, target: str, users: list[str], reply: Reply) -> Callable[[PblmError], None]:
        def failed(error: PblmError) -> None:
            self._jobs.give_back(users)
            now = self._services.clock.now()
            failure = RestoreFailed(at=now, user_id=target, reason=error.message)
            self._services.publish(failure)
            reply(ErrorAnswer.of(error))

        return failed

    def _check_identity(self, data: Prepared) -> None:
        """Raise :class:`Conflict` when another user has this very database, secrets and all."""
        known = identities(Path(data.path))
        for record in self._services.store.records():
            if record.identity in known:
                raise Conflict(
                    f"User {record.user_id} has this very database: import it with secrets of its "
                    "own, or the tokens of the one would be good at the other"
                )
