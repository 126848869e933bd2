"""``pblm backup``, ``backups``, ``prove``, ``fetch`` and the way back: copies of a user's data."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from api.cli.command import command, complete_users, json_option, user_argument
from api.cli.manager import COPY_TIMEOUT, manager
from api.cli.output import tell, tell_json, tell_table
from api.cli.words import clock_time, one_line, size
from bus.answers import BackupAnswer, BackupsAnswer, InstanceAnswer
from bus.backup import Backup
from bus.client import BusClient
from bus.requests import (
    ConfirmRestore,
    CreateBackup,
    FetchBackup,
    ListBackups,
    ProveBackup,
    RestoreBackup,
    UndoRestore,
)

HEADING = ("BACKUP", "KIND", "WHEN", "SIZE", "PROVEN")
FORMATS = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"]

backup_argument = click.argument("backup_id", metavar="BACKUP")
at_option = click.option(
    "--at",
    type=click.DateTime(FORMATS),
    help="The data as they were then, out of the replica; UTC unless it says otherwise.",
)


@command()
@user_argument
@at_option
@json_option
def backup(user_id: str, at: datetime | None, as_json: bool) -> None:
    """Back up a user's data now; the instance is not woken."""
    with manager() as bus:
        made = _made(bus, user_id, at)
    _tell_backup(made, user_id, f"is made: {size(made.bytes)}", as_json)


@command()
@user_argument
@click.option("--elsewhere", is_flag=True, help="Those at PB_BACKUP_URL, known here or not.")
@json_option
def backups(user_id: str, elsewhere: bool, as_json: bool) -> None:
    """List a user's backups, newest first."""
    with manager() as bus:
        request = ListBackups(user_id=user_id, elsewhere=elsewhere)
        answer = bus.ask(request, BackupsAnswer, timeout=COPY_TIMEOUT)
    if as_json:
        told = {"policy": answer.policy, "restored_at": answer.restored_at}
        tell_json({"user_id": user_id, "backups": answer.backups, **told})
    else:
        tell_table(HEADING, [_row(each) for each in answer.backups])


@command()
@user_argument
@backup_argument
@json_option
def prove(user_id: str, backup_id: str, as_json: bool) -> None:
    """Try whether PocketBase runs on a backup."""
    request = ProveBackup(user_id=user_id, backup=backup_id)
    _do(request, "is proven: PocketBase runs on it", as_json)


@command()
@user_argument
@backup_argument
@json_option
def fetch(user_id: str, backup_id: str, as_json: bool) -> None:
    """Have a backup here that is at PB_BACKUP_URL."""
    _do(FetchBackup(user_id=user_id, backup=backup_id), "is here", as_json)


@command()
@user_argument
@click.argument("backup_id", metavar="BACKUP", required=False)
@at_option
@click.option(
    "--to",
    metavar="USER",
    shell_complete=complete_users,
    help="Give them to this user instead, known or not.",
)
@json_option
def restore(
    user_id: str, backup_id: str | None, at: datetime | None, to: str | None, as_json: bool
) -> None:
    """Put a backup in the place of a user's data."""
    if (backup_id is None) == (at is None):
        raise click.UsageError("Name a backup, or say --at.")
    whose = user_id if to is None else to
    with manager() as bus:
        backup_id = backup_id or _made(bus, user_id, at).id
        request = RestoreBackup(user_id=user_id, backup=backup_id, to=to)
        instance = bus.ask(request, InstanceAnswer, timeout=COPY_TIMEOUT).instance
    if as_json:
        tell_json({"user_id": whose, "instance": instance})
    else:
        tell(f"{whose} has the data of backup {backup_id} now")


@command()
@user_argument
@json_option
def undo_restore(user_id: str, as_json: bool) -> None:
    """Have the data back that the last restore has put aside."""
    _former(UndoRestore(user_id=user_id), f"{user_id} has its former data again", as_json)


@command()
@user_argument
@json_option
def confirm_restore(user_id: str, as_json: bool) -> None:
    """Remove the data that the last restore has put aside."""
    done = f"what {user_id} had before the restore is removed"
    _former(ConfirmRestore(user_id=user_id), done, as_json)


def _made(bus: BusClient, user_id: str, at: datetime | None) -> Backup:
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return bus.ask(CreateBackup(user_id=user_id, at=at), BackupAnswer, timeout=COPY_TIMEOUT).backup


def _do(request: ProveBackup | FetchBackup, done: str, as_json: bool) -> None:
    with manager() as bus:
        about = bus.ask(request, BackupAnswer, timeout=COPY_TIMEOUT).backup
    _tell_backup(about, request.user_id, done, as_json)


def _former(request: UndoRestore | ConfirmRestore, done: str, as_json: bool) -> None:
    with manager() as bus:
        instance = bus.ask(request, InstanceAnswer, timeout=COPY_TIMEOUT).instance
    if as_json:
        tell_json({"user_id": request.user_id, "instance": instance})
    else:
        tell(done)


def _tell_backup(about: Backup, user_id: str, what: str, as_json: bool) -> None:
    if as_json:
        tell_json({"user_id": user_id, "backup": about})
    else:
        tell(f"backup {about.id} of {user_id} {what}")


def _row(each: Backup) -> tuple[str, ...]:
    return (each.id, each.kind, clock_time(each.taken_at), size(each.bytes), _proven(each))


def _proven(each: Backup) -> str:
    if each.problem is not None:
        return f"failed: {one_line(each.problem)}"
    return "-" if each.proven_at is None else clock_time(each.proven_at)
