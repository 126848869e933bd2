"""``pblm backup``, ``backups`` and ``restore``: copies of a user's data, and the way back."""

from __future__ import annotations

import click

from api.cli.command import command, complete_users, json_option, user_argument
from api.cli.manager import COPY_TIMEOUT, manager
from api.cli.output import tell, tell_json, tell_table
from api.cli.words import clock_time, one_line, size
from bus.answers import BackupAnswer, BackupsAnswer, InstanceAnswer
from bus.backup import Backup
from bus.requests import CreateBackup, ListBackups, RestoreBackup

HEADING = ("BACKUP", "KIND", "WHEN", "SIZE", "PROVEN")


@command()
@user_argument
@json_option
def backup(user_id: str, as_json: bool) -> None:
    """Back up a user's data now; the instance is not woken."""
    with manager() as bus:
        request = CreateBackup(user_id=user_id)
        made = bus.ask(request, BackupAnswer, timeout=COPY_TIMEOUT).backup
    if as_json:
        tell_json({"user_id": user_id, "backup": made})
    else:
        tell(f"backup {made.id} of {user_id} is made: {size(made.bytes)}")


@command()
@user_argument
@json_option
def backups(user_id: str, as_json: bool) -> None:
    """List a user's backups, newest first."""
    with manager() as bus:
        answer = bus.ask(ListBackups(user_id=user_id), BackupsAnswer)
    if as_json:
        told = {"policy": answer.policy, "restored_at": answer.restored_at}
        tell_json({"user_id": user_id, "backups": answer.backups, **told})
    else:
        tell_table(HEADING, [_row(each) for each in answer.backups])


@command()
@user_argument
@click.argument("backup_id", metavar="BACKUP")
@click.option(
    "--to",
    metavar="USER",
    shell_complete=complete_users,
    help="Give them to this user instead, known or not.",
)
@json_option
def restore(user_id: str, backup_id: str, to: str | None, as_json: bool) -> None:
    """Put a backup in the place of a user's data."""
    whose = user_id if to is None else to
    with manager() as bus:
        request = RestoreBackup(user_id=user_id, backup=backup_id, to=to)
        instance = bus.ask(request, InstanceAnswer, timeout=COPY_TIMEOUT).instance
    if as_json:
        tell_json({"user_id": whose, "instance": instance})
    else:
        tell(f"{whose} has the data of backup {backup_id} now")


def _row(each: Backup) -> tuple[str, ...]:
    return (each.id, each.kind, clock_time(each.taken_at), size(each.bytes), _proven(each))


def _proven(each: Backup) -> str:
    if each.problem is not None:
        return f"failed: {one_line(each.problem)}"
    return "-" if each.proven_at is None else clock_time(each.proven_at)
