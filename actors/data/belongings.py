"""Belongings: moving a user's files as a whole. Every step is a rename, so whole at any moment."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from actors.data import contents, userdata
from actors.data.database import UserDataError
from actors.data.swap import Swap
from actors.durable import remove
from actors.layout import Layout, directory_name, make_private_directory
from actors.logs import files
from bus.causes import Cause
from bus.errors import InstanceIOError


def put_away(layout: Layout, user_id: str) -> None:
    """Move the user's data where nothing is started on it, until it is purged."""
    _settle(layout, user_id)
    with _refusals("put away"):
        _move(layout.data(user_id), layout.trash(user_id))


def bring_back(layout: Layout, user_id: str) -> None:
    """Undo :func:`put_away`."""
    with _refusals("bring back"):
        _move(layout.trash(user_id), layout.data(user_id))


def destroy(layout: Layout, user_id: str, *, keep_backups: bool) -> None:
    """Remove everything of the user from the disk."""
    _settle(layout, user_id)
    with _refusals("remove"):
        folders = [layout.data(user_id), layout.trash(user_id), layout.replication(user_id)]
        if not keep_backups:
            folders.append(layout.backups(user_id))
        for folder in folders:
            if folder.exists():
                shutil.rmtree(folder)
        files.remove(layout.log(user_id))
        layout.lock(user_id).unlink(missing_ok=True)
        layout.migrations(user_id).unlink(missing_ok=True)


def set_aside(layout: Layout, user_id: str, *, epoch: int, at: datetime) -> None:
    """Move the user's data, of that epoch, to the lost and found; nothing is started on them."""
    _settle(layout, user_id)
    name = f"{directory_name(user_id)}-e{epoch:08}-{at:%Y%m%dT%H%M%SZ}"
    with _refusals("set aside"):
        make_private_directory(layout.lost_and_found)
        found = {layout.data(user_id): name, layout.trash(user_id): f"{name}-deleted"}
        for place, called in found.items():
            if place.exists():
                target = layout.lost_and_found / called
                place.rename(target)
                os.utime(target)  # it is kept for a while from now on
        if layout.replication(user_id).exists():
            shutil.rmtree(layout.replication(user_id))
        layout.migrations(user_id).unlink(missing_ok=True)


def clear_lost_and_found(layout: Layout, before: datetime) -> None:
    """Remove what was set aside before then."""
    if not layout.lost_and_found.exists():
        return
    for path in layout.lost_and_found.iterdir():
        if path.stat().st_mtime < before.timestamp():
            remove(path)


def rename(layout: Layout, old: str, new: str) -> None:
    """Have what was user ``old``'s be user ``new``'s; once done, doing it again is harmless."""
    _settle(layout, old)
    with _refusals("rename"):
        _move(layout.data(old), layout.data(new))
        files.move(layout.log(old), layout.log(new))
        _move_backups(layout, old, new)
        layout.lock(old).unlink(missing_ok=True)
        layout.migrations(old).unlink(missing_ok=True)
        if layout.replication(old).exists():  # under its new name it gets a replica of its own
            shutil.rmtree(layout.replication(old))


def _move_backups(layout: Layout, old: str, new: str) -> None:
    """Backups of somebody who had the new id before, and is gone, stay where they are found."""
    source, target = layout.backups(old), layout.backups(new)
    if source.exists() and target.exists():
        for path in source.iterdir():
            path.rename(target / path.name)
        source.rmdir()
    else:
        _move(source, target)


def bring_in(draft: Path, layout: Layout, user_id: str) -> None:
    """Have what lies in ``draft`` be the data of a user who has none."""
    with _refusals("bring in"):
        _move(draft, layout.data(user_id))


def clone(layout: Layout, source: str, target: str) -> str:
    """Copy the data of user ``source``, who may be active, for ``target``; return its identity.

    The copy has secrets of its own: no token of the one is worth anything at the other. Uploaded
    files are copied after the database: one that the source deletes meanwhile may be missing.
    """
    draft = layout.drafts / layout.data(target).name
    with _refusals("clone"):
        if draft.exists():
            shutil.rmtree(draft)
        make_private_directory(draft)
        try:
            contents.copy_database(layout.data(source), draft)
            identity = userdata.renew_secrets(draft)
            storage = layout.data(source) / "storage"
            if storage.exists():
                shutil.copytree(storage, draft / "storage", ignore_dangling_symlinks=True)
            _move(draft, layout.data(target))
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return identity


def _settle(layout: Layout, user_id: str) -> None:
    """Keep what is in the user's place, and nothing that was there before."""
    for folder in (layout.swap(user_id), layout.upgrade(user_id)):
        Swap(layout, user_id, folder=folder).settle()


def _move(source: Path, target: Path) -> None:
    if source.exists():
        if target.exists():
            raise FileExistsError(f"{target} is in the way")
        source.rename(target)


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error, UserDataError) as error:
        raise InstanceIOError(
            f"IO error: cannot {what} the data: {error}", cause=Cause.IO_ERROR
        ) from error
