"""The built-in door as an engine: the process of :mod:`api.gateway`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from actors.door.config import WAKE_SOCKET
from actors.door.routes import DoorActivity, Ports, Route
from actors.layout import Layout
from actors.process import LaunchSpec
from bus.settings import Settings

READY = "builtin.ready"
"""The file that is there as long as it serves."""
ROOMS = Path(__file__).resolve().parents[2]
"""Where its program is found, however the manager was installed."""


class Builtin:
    """It asks the manager itself for each route, and counts nothing."""

    name = "The built-in door"
    counts = False

    def __init__(self, settings: Settings, layout: Layout) -> None:
        """Raises nothing: what it takes comes with the manager."""
        self._folder = settings.door_path
        self.log = layout.control / "logs" / "door.log"
        self._options = (
            f"--host={settings.door_host}",
            f"--port={settings.door_port}",
            f"--domain={settings.domain}",
            f"--wake={WAKE_SOCKET}",
            f"--ready={READY}",
            f"--requests={settings.door_requests}",
            f"--connections={settings.door_connections}",
            f"--wakes={settings.door_wakes}",
            f"--body-mib={settings.door_body_mib}",
            f"--superusers={settings.door_superusers}",
        )

    @property
    def digest(self) -> str:
        """The same as long as the options and the program are."""
        sources = sorted((ROOMS / "api" / "gateway").glob("*.py"))
        told = [option.encode() for option in self._options]
        told += [source.read_bytes() for source in sources]
        return hashlib.sha256(b"\0".join(told)).hexdigest()

    def launch(
        self, routes: Mapping[str, Route], hosts: Mapping[str, Ports] | None = None
    ) -> LaunchSpec:
        """Return its command."""
        self.clean_up()
        return LaunchSpec(
            argv=(sys.executable, "-m", "api.gateway", *self._options),
            env={"PATH": "", "PYTHONPATH": str(ROOMS)},
            cwd=self._folder,
            log=self.log,
        )

    def answers(self) -> bool:
        """Whether it is up."""
        return (self._folder / READY).exists()

    def replace(self, routes: Mapping[str, Route]) -> None:
        """It asks for each route when it needs it."""

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        """It goes where the manager says, just then."""

    def put(self, label: str, route: Route) -> None:
        """It asks."""

    def remove(self, label: str) -> None:
        """It finds nobody there, and asks."""

    def activity(self, labels: Collection[str]) -> Mapping[str, DoorActivity]:
        """Nothing is counted: what comes through it is seen by its connections."""
        return {}

    def clean_up(self) -> None:
        """Remove the sign that it is up."""
        (self._folder / READY).unlink(missing_ok=True)
