"""Template: the schema, hooks and pages that every instance gets, ours and the operator's.

PocketBase takes one directory of each kind. So the manager puts its own bootstrap migration and
the operator's files together in a directory of its own, once per launch: what an instance starts
with does not change under it, and nobody but the manager writes there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from actors.layout import Layout, make_private_directory
from bus.errors import InstanceIOError, SettingsError

MIGRATIONS = "pb_migrations"
KINDS = (MIGRATIONS, "pb_hooks", "pb_public")
SCRIPTS = (".js", ".ts")
SETTINGS_FILE = "pb_settings.json"
BOOTSTRAP = "0000000001_pblm_bootstrap.js"
SERVICE_ID = "pblmservice0001"
SERVICE_EMAIL = "service@pblm.invalid"
TYPES_HEAD = 13
"""PocketBase writes ``types.d.ts`` (0.8 MB) anew unless its first so many bytes are as expected."""

DEFAULT_SETTINGS: dict[str, Any] = {
    "logs": {"maxDays": 3, "minLevel": 4, "logIP": False},
    "trustedProxy": {"headers": ["X-Forwarded-For"], "useLeftmostIP": False},
    "superuserIPs": ["127.0.0.1", "::1"],
    "rateLimits": {"enabled": True, "excludedIPs": ["127.0.0.1", "::1"]},
}
"""What a new instance is set to; the operator's ``pb_settings.json`` goes over it.

Superusers come in from loopback only. Rate limits count the address that the proxy has seen; who
calls directly from this machine is the app itself, and is not limited.
"""


class Template:
    """What every instance is started with. Immutable once made."""

    def __init__(self, source: Path | None, layout: Layout) -> None:
        """Put ours and the operator's files together.

        Raises :class:`SettingsError` when ``source`` is no template.
        """
        self._settings = DEFAULT_SETTINGS | _read_settings(source)
        self._control = layout.control
        files = _collect(source)
        digest = hashlib.sha256()
        for name, content in sorted(files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self._migrations = _migrations(files)
        self.path = layout.control / "templates" / digest.hexdigest()[:16]
        if not self.path.exists():
            _write(self.path, files)

    def directory(self, kind: str) -> Path:
        """The directory of one of :data:`KINDS`."""
        return self.path / kind

    def is_applied(self, migrations: frozenset[str]) -> bool:
        """Whether data that had these ``migrations`` had all of the template's.

        They are known by their names, as PocketBase knows them.
        """
        return self._migrations <= migrations

    def bootstrap(self, user_id: str) -> str:
        """What the bootstrap migration is told, as JSON. There is no secret in it."""
        meta = self._settings.get("meta", {}) | {"appName": self.app_name(user_id)}
        settings = self._settings | {"meta": meta}
        superuser = {"id": SERVICE_ID, "email": SERVICE_EMAIL}
        return msgspec.json.encode({"settings": settings, "superuser": superuser}).decode()

    def app_name(self, user_id: str) -> str:
        """What the user's application is called: as the operator has it, else as the user."""
        return str(self._settings.get("meta", {}).get("appName", user_id))

    @property
    def digest(self) -> str:
        """What tells this template from every other one."""
        told = f"{self.path.name} {self.bootstrap('')}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def seed(self, data: Path, version: str | None) -> None:
        """Give a new data directory the head of ``types.d.ts``, so that the rest is not written."""
        types, known = data / "types.d.ts", self._types(version)
        if known.exists() and not types.exists():
            types.write_bytes(known.read_bytes())

    def learn(self, data: Path, version: str | None) -> None:
        """Remember the head of the ``types.d.ts`` that this version has written, and leave that."""
        types, known = data / "types.d.ts", self._types(version)
        if not known.exists() and types.exists():
            with contextlib.suppress(OSError), types.open("rb+") as file:
                known.write_bytes(file.read(TYPES_HEAD))
                file.truncate(TYPES_HEAD)

    def _types(self, version: str | None) -> Path:
        return self._control / f"types-{version or 'unknown'}"


def _read_settings(source: Path | None) -> dict[str, Any]:
    path = None if source is None else source / SETTINGS_FILE
    if path is None or not path.exists():
        return {}
    try:
        settings = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}"
        raise SettingsError(f"PB_TEMPLATE_PATH: {where}: no JSON: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"PB_TEMPLATE_PATH: {path} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise SettingsError(f"PB_TEMPLATE_PATH: {path}, line 1: takes a JSON object")
    return settings


def _collect(source: Path | None) -> dict[str, bytes]:
    files = {}
    if source is not None:
        if not source.is_dir():
            raise SettingsError(f"PB_TEMPLATE_PATH={str(source)!r}: takes a directory")
        for kind in KINDS:
            for path in sorted((source / kind).rglob("*")):
                if path.is_file():
                    files[str(path.relative_to(source))] = path.read_bytes()
    ours = f"{MIGRATIONS}/{BOOTSTRAP}"
    if ours in files:
        raise SettingsError(f"PB_TEMPLATE_PATH: {ours} is the name of the manager's own migration")
    files[ours] = (Path(__file__).parent / "bootstrap" / BOOTSTRAP).read_bytes()
    return files


def _migrations(files: Iterable[str]) -> frozenset[str]:
    """The names of what PocketBase takes for migrations: scripts in the directory itself."""
    within = [Path(name).name for name in files if Path(name).parent == Path(MIGRATIONS)]
    return frozenset(name for name in within if name.endswith(SCRIPTS))


def _write(path: Path, files: dict[str, bytes]) -> None:
    """Write all files, then give them their place: a half-written template never has it."""
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        for kind in KINDS:
            make_private_directory(draft / kind)
        for name, content in files.items():
            make_private_directory((draft / name).parent)
            (draft / name).write_bytes(content)
        draft.rename(path)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise InstanceIOError(f"IO error: cannot write the template {path}: {error}") from error
