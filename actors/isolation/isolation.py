"""Isolation: each user's process under a uid of its own.

Under one uid, the superuser of one instance can ``ATTACH`` every other user's database: the uid is
the only real boundary between users on one host.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec

from actors.process import LaunchSpec
from bus.causes import Cause
from bus.errors import InstanceIOError, SettingsError
from bus.settings import Settings

SETPRIV = "/usr/bin/setpriv"
"""From util-linux, on every Linux distribution."""


class Isolation:
    """How the processes of the users are kept apart."""

    def __init__(self, settings: Settings, taken: set[int]) -> None:
        """``taken`` are the uids that users have already.

        Raises :class:`SettingsError` when the system cannot give what is asked for.
        """
        self._settings = settings
        self._lock = threading.Lock()
        self._taken = set(taken)
        if settings.isolation == "uid":
            _check_privileges()

    @property
    def by_uid(self) -> bool:
        """Whether each user's process has a uid of its own."""
        return self._settings.isolation == "uid"

    def new_uid(self) -> int:
        """Return a uid that no user has yet; raise :class:`InstanceIOError` when all are taken."""
        first, count = self._settings.uid_base, self._settings.uid_range
        with self._lock:
            for uid in range(first, first + count):
                if uid not in self._taken:
                    self._taken.add(uid)
                    return uid
        raise InstanceIOError(
            f"IO error: all {count} uids from {first} are taken: raise PB_UID_RANGE",
            cause=Cause.IO_ERROR,
        )

    def release_uid(self, uid: int) -> None:
        """Nothing on disk belongs to ``uid`` any more."""
        with self._lock:
            self._taken.discard(uid)

    def wrap(
        self, spec: LaunchSpec, uid: int | None, *, ends_with_parent: bool = False
    ) -> LaunchSpec:
        """Return the command that runs ``spec`` as ``uid`` if there is one, without privileges.

        One that ``ends_with_parent`` is killed when its parent dies; the same program sees to that,
        as the kernel forgets it when the uid changes (prctl(2)).
        """
        drop = () if uid is None else _drop(uid)
        bond = ("--pdeathsig=KILL",) if ends_with_parent else ()
        if not drop and not bond:
            return spec
        return msgspec.structs.replace(spec, argv=(SETPRIV, *drop, *bond, "--", *spec.argv))


def _drop(uid: int) -> tuple[str, ...]:
    return f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"


def give(path: Path, uid: int) -> None:
    """Have everything under ``path`` belong to ``uid`` and to nobody else.

    Raises :class:`InstanceIOError` when that cannot be done.
    """
    try:
        if path.stat().st_uid == uid:
            return
        for folder, _, names in os.walk(path):
            for name in names:
                os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)
            if folder != str(path):
                os.chown(folder, uid, uid)
        os.chown(path, uid, uid)  # last: it tells that the rest is done
    except OSError as error:
        raise InstanceIOError(
            f"IO error: cannot give {path} to uid {uid}: {error}", cause=Cause.PERMISSION_DENIED
        ) from error


def publish(path: Path) -> None:
    """Have everything under ``path`` be readable by all."""
    for folder, _, names in os.walk(path):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)


def _check_privileges() -> None:
    if os.geteuid() != 0:
        raise SettingsError("PB_ISOLATION='uid': takes root; start the manager as root")
    if not os.access(SETPRIV, os.X_OK):
        raise SettingsError(f"PB_ISOLATION='uid': takes {SETPRIV}; install util-linux")
