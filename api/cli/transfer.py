"""``pblm export`` and ``pblm import``: a user's data out of here, and into here, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from api.archives import Archives, copy_private
from api.cli.backups import backup_argument
from api.cli.command import command, json_option, user_argument
from api.cli.manager import COPY_TIMEOUT, manager, settings
from api.cli.output import tell, tell_json
from api.cli.words import size
from bus.answers import BackupFileAnswer, InstanceAnswer
from bus.requests import FindBackup, ImportInstance


@command("export")
@user_argument
@backup_argument
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def export(user_id: str, backup_id: str, target: Path, as_json: bool) -> None:
    """Write a backup to a file: a ZIP archive that PocketBase takes back."""
    with manager() as bus:
        answer = bus.ask(FindBackup(user_id=user_id, backup=backup_id), BackupFileAnswer)
        with Archives(bus, settings()).open(answer, user_id) as file:
            copy_private(file, target)
    if as_json:
        tell_json({"user_id": user_id, "backup": answer.backup, "file": str(target)})
    else:
        tell(f"{target}: backup {backup_id} of {user_id}, {size(answer.backup.bytes)}")


@command("import")
@user_argument
@click.argument("archive", metavar="FILE", type=click.File("rb"))
@click.option(
    "--keep-secrets",
    is_flag=True,
    help="Keep the keys that tokens are signed with: those given out stay good.",
)
@json_option
def import_(user_id: str, archive: BinaryIO, keep_secrets: bool, as_json: bool) -> None:
    """Make an archive the data of a new user: a backup, or a zipped pb_data."""
    with manager() as bus:
        upload = Archives(bus, settings()).take_in(user_id, archive)
        request = ImportInstance(user_id=user_id, upload=upload, keep_secrets=keep_secrets)
        instance = bus.ask(request, InstanceAnswer, timeout=COPY_TIMEOUT).instance
    if as_json:
        tell_json({"user_id": user_id, "instance": instance})
    else:
        tell(f"{user_id} has the data of {archive.name}, and is stopped")
