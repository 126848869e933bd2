"""``pblm export`` and ``pblm import``: a user's data out of here, and into here, as one file."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO

import click

from api.cli.backups import backup_argument
from api.cli.command import command, json_option, user_argument
from api.cli.manager import COPY_TIMEOUT, manager, settings
from api.cli.output import tell, tell_json
from api.cli.words import size
from bus.answers import BackupFileAnswer, InstanceAnswer
from bus.errors import BackupError, NotFound
from bus.requests import FindBackup, ImportInstance

COPY = 1024 * 1024


@command("export")
@user_argument
@backup_argument
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def export(user_id: str, backup_id: str, target: Path, as_json: bool) -> None:
    """Write a backup to a file: a ZIP archive that PocketBase takes back."""
    with manager() as bus:
        answer = bus.ask(FindBackup(user_id=user_id, backup=backup_id), BackupFileAnswer)
    try:
        with open(answer.path, "rb") as file:
            _write(file, target)
    except FileNotFoundError as error:
        raise NotFound(f"The file of backup {backup_id} is gone: {error}") from error
    except OSError as error:
        raise BackupError(f"The backup cannot be written to {target}: {error}") from error
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
        upload = settings().uploads_path / f"{secrets.token_hex(16)}.zip"
        try:
            _write(archive, upload)
        except OSError as error:
            raise BackupError(f"The archive cannot be kept: {error}") from error
        request = ImportInstance(user_id=user_id, upload=upload.name, keep_secrets=keep_secrets)
        instance = bus.ask(request, InstanceAnswer, timeout=COPY_TIMEOUT).instance
    if as_json:
        tell_json({"user_id": user_id, "instance": instance})
    else:
        tell(f"{user_id} has the data of {archive.name}, and is stopped")


def _write(source: BinaryIO, path: Path) -> None:
    """Copy it to a new file for our eyes only, or leave none. Raises :class:`OSError`."""
    with open(path, "xb", opener=_private) as target:
        try:
            shutil.copyfileobj(source, target, COPY)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
