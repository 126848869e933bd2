"""A manager with a door."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks.door.line import HEALTH, Line
from tests.benchmarks.manager import PATIENCE, Manager
from tests.benchmarks.plan import Plan
from tests.ports import free_ports

UNLIMITED = str(10**6)


class GatedManager(Manager):
    """A manager whose users are reached through HAProxy. Nobody is refused for asking much."""

    def __init__(self, plan: Plan, **settings: Any) -> None:
        self.door = free_ports(1)
        super().__init__(
            plan,
            **{
                "PB_DOOR": "haproxy",
                "PB_DOOR_PORT": str(self.door),
                "PB_DOOR_REQUESTS": UNLIMITED,
                "PB_DOOR_WAKES": UNLIMITED,
                **settings,
            },
        )

    def await_door(self, user_id: str) -> None:
        """Return when the user is reached through the door."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self.line(user_id) as line:
                    line.get(HEALTH)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def line(self, user_id: str) -> Line:
        """Return a connection to the door, for what concerns the user."""
        return Line(self.door, self.host(user_id))

    def host(self, user_id: str) -> str:
        """Return the host name of the user, who has an id that is a host label."""
        return f"{user_id}.{self.settings.domain}"

    def put_to_sleep(self, user_id: str) -> None:
        """Return when the user's instance sleeps."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.api.call("POST", f"/api/users/{user_id}/sleep")
                return
            except RuntimeError:  # the door has not noticed yet that we have hung up
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @property
    def door_pid(self) -> int:
        """The door's process."""
        remembered = Path(self.settings.door_path / "door.json").read_bytes()
        return int(msgspec.json.decode(remembered)["pid"])
