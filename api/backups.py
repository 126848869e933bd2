"""``/api/users/{user_id}/backups`` and the like: copies of one user's data, out and in."""

from __future__ import annotations

import base64
import threading
import urllib.parse
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import falcon
import msgspec

from api.archives import Archives
from api.input import read_body, read_flag, read_query, read_wait
from api.replies import InstanceReply, write
from bus.answers import Answer, BackupAnswer, BackupFileAnswer, BackupsAnswer, InstanceAnswer
from bus.backup import Backup, BackupPolicy, PolicyChange
from bus.client import BusClient
from bus.errors import BusTimeout
from bus.requests import (
    ConfirmRestore,
    CreateBackup,
    DeleteBackup,
    FetchBackup,
    FindBackup,
    ImportInstance,
    ListBackups,
    ProveBackup,
    PutBackupPolicy,
    Request,
    RestoreBackup,
    UndoRestore,
)
from bus.settings import Settings
from bus.user_id import check_user_id

LONG_WAIT = 300.0
"""How long a call that copies data waits, if nothing else is asked for, in seconds."""
ELSEWHERE_TIMEOUT = 120.0
"""How long a bucket may take to tell what it has, in seconds."""
AT_ONCE = 0.1
"""How long one waits who will not, in seconds: what is wrong with a request is known by then."""
MAX_WAITING = 16
"""Calls that wait for a copy at the same time; the others are answered with 202 at once."""

_A = TypeVar("_A", bound=Answer)


class CreateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST .../backups``."""

    at: datetime | None = None


class RestoreBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a restore."""

    to: Annotated[str, msgspec.Meta(min_length=1)] | None = None


class BackupReply(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with a backup."""

    success: Literal[True] = True
    message: str
    backup: Backup | None


class BackupsReply(msgspec.Struct, frozen=True, kw_only=True):
    """The backups of one user."""

    backups: list[Backup]
    """Newest first."""
    policy: BackupPolicy
    last_proven: str | None
    """The id of the newest one that PocketBase has run on."""
    restored_at: datetime | None
    """When data were restored whose former ones are still kept; null: none are."""


class BackupsResource:
    """The backups of one user."""

    def __init__(self, bus: BusClient, archives: Archives) -> None:
        self._bus = bus
        self._archives = archives
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)

    def on_get(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``GET /api/users/{id}/backups``."""
        query = read_query(req, {"elsewhere"})
        elsewhere = read_flag(query.get("elsewhere"), "elsewhere")
        request = ListBackups(user_id=user_id, elsewhere=elsewhere)
        self._write_list(resp, request, ELSEWHERE_TIMEOUT if elsewhere else None)

    def on_post(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/backups``."""
        at = read_body(req, CreateBody).at
        self._long(req, resp, CreateBackup(user_id=user_id, at=at), "made")

    def on_put_policy(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``PUT /api/users/{id}/backup_policy``."""
        read_query(req)
        policy = read_body(req, PolicyChange)
        self._write_list(resp, PutBackupPolicy(user_id=user_id, policy=policy))

    def on_delete_one(
        self, req: falcon.Request, resp: falcon.Response, user_id: str, backup: str
    ) -> None:
        """``DELETE /api/users/{id}/backups/{backup}``."""
        read_query(req)
        request = DeleteBackup(user_id=user_id, backup=backup)
        answer = self._bus.ask(request, BackupAnswer)
        write(resp, BackupReply(message="Backup removed", backup=answer.backup))

    def on_get_one(
        self, req: falcon.Request, resp: falcon.Response, user_id: str, backup: str
    ) -> None:
        """``GET /api/users/{id}/backups/{backup}``: the archive itself."""
        read_query(req)
        request = FindBackup(user_id=user_id, backup=backup)
        answer = self._bus.ask(request, BackupFileAnswer)
        resp.set_stream(self._archives.open(answer, user_id), answer.backup.bytes)
        resp.content_type = "application/zip"
        resp.downloadable_as = f"{user_id}-{answer.backup.id}.zip"
        resp.set_header("Repr-Digest", f"sha-256=:{_base64(answer.backup.sha256)}:")

    def on_post_proof(
        self, req: falcon.Request, resp: falcon.Response, user_id: str, backup: str
    ) -> None:
        """``POST /api/users/{id}/backups/{backup}/prove``."""
        request = ProveBackup(user_id=user_id, backup=backup)
        self._long(req, resp, request, "proven: PocketBase runs on it")

    def on_post_fetch(
        self, req: falcon.Request, resp: falcon.Response, user_id: str, backup: str
    ) -> None:
        """``POST /api/users/{id}/backups/{backup}/fetch``."""
        self._long(req, resp, FetchBackup(user_id=user_id, backup=backup), "fetched: it is here")

    def on_post_restore(
        self, req: falcon.Request, resp: falcon.Response, user_id: str, backup: str
    ) -> None:
        """``POST /api/users/{id}/backups/{backup}/restore``."""
        body = read_body(req, RestoreBody)
        request = RestoreBackup(user_id=user_id, backup=backup, to=body.to)
        self._replace(req, resp, request, body.to or user_id, f"Backup {backup} restored")

    def on_post_undo(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/undo_restore``."""
        self._replace(req, resp, UndoRestore(user_id=user_id), user_id, "The former data are back")

    def on_post_confirm(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/confirm_restore``."""
        request = ConfirmRestore(user_id=user_id)
        self._replace(req, resp, request, user_id, "The former data are removed")

    def on_post_import(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        """``POST /api/users/{id}/import``: the body is the archive."""
        query = read_query(req, {"keep_secrets", "wait"})
        keep = read_flag(query.get("keep_secrets"), "keep_secrets")
        wait = read_wait(query.get("wait"), LONG_WAIT)
        check_user_id(user_id)
        upload = self._archives.take_in(user_id, req.bounded_stream)
        request = ImportInstance(user_id=user_id, upload=upload, keep_secrets=keep)
        self._replaced(resp, request, user_id, "PocketBase imported", wait)

    def _write_list(
        self, resp: falcon.Response, request: Request, timeout: float | None = None
    ) -> None:
        answer = self._bus.ask(request, BackupsAnswer, timeout=timeout)
        proven = [each for each in answer.backups if each.proven_at is not None]
        write(
            resp,
            BackupsReply(
                backups=answer.backups,
                policy=answer.policy,
                last_proven=proven[0].id if proven else None,
                restored_at=answer.restored_at,
            ),
        )

    def _long(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        request: CreateBackup | FetchBackup | ProveBackup,
        done: str,
    ) -> None:
        wait = read_wait(read_query(req, {"wait"}).get("wait"), LONG_WAIT)
        answer = self._ask(request, BackupAnswer, wait)
        backup = None if answer is None else answer.backup
        message = f"Backup {done}" if answer else _goes_on(resp, request.user_id)
        write(resp, BackupReply(message=message, backup=backup))

    def _replace(
        self, req: falcon.Request, resp: falcon.Response, request: Request, whose: str, done: str
    ) -> None:
        wait = read_wait(read_query(req, {"wait"}).get("wait"), LONG_WAIT)
        self._replaced(resp, request, whose, done, wait)

    def _replaced(
        self, resp: falcon.Response, request: Request, whose: str, done: str, wait: float
    ) -> None:
        answer = self._ask(request, InstanceAnswer, wait)
        instance = None if answer is None else answer.instance
        message = done if answer else _goes_on(resp, whose)
        write(resp, InstanceReply(message=message, instance=instance))

    def _ask(self, request: Request, answer: type[_A], wait: float) -> _A | None:
        """Return the answer, or None when it is not there after ``wait`` seconds.

        Nor when too many wait already: each holds a thread.
        """
        waits = self._waiting.acquire(blocking=False)
        try:
            timeout = max(wait, AT_ONCE) if waits else AT_ONCE
            return self._bus.ask(request, answer, timeout=timeout)
        except BusTimeout:
            return None
        finally:
            if waits:
                self._waiting.release()


def _goes_on(resp: falcon.Response, user_id: str) -> str:
    resp.status = falcon.HTTP_202
    resp.location = f"/api/users/{urllib.parse.quote(user_id)}/backups"
    return "It is under way: the events tell how far it is, and what comes of it"


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def add_backups(
    app: falcon.App[falcon.Request, falcon.Response], bus: BusClient, settings: Settings
) -> None:
    """Add the routes of the backups."""
    backups = BackupsResource(bus, Archives(bus, settings))
    user = "/api/users/{user_id}"
    app.add_route(f"{user}/backups", backups)
    app.add_route(f"{user}/backups/{{backup}}", backups, suffix="one")
    app.add_route(f"{user}/backups/{{backup}}/prove", backups, suffix="proof")
    app.add_route(f"{user}/backups/{{backup}}/fetch", backups, suffix="fetch")
    app.add_route(f"{user}/backups/{{backup}}/restore", backups, suffix="restore")
    app.add_route(f"{user}/backup_policy", backups, suffix="policy")
    app.add_route(f"{user}/undo_restore", backups, suffix="undo")
    app.add_route(f"{user}/confirm_restore", backups, suffix="confirm")
    app.add_route(f"{user}/import", backups, suffix="import")
