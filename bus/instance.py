"""The instance as its users see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from bus.causes import Cause
from bus.states import Desired, Status
from bus.usage import Usage


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an instance failed."""

    cause: Cause
    exit_code: int | None = None
    """Its exit status, or the negative number of the signal that ended it."""
    output: str = ""
    """The last lines that it wrote."""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One user's PocketBase: the instance object of the HTTP API, the answers and the events.

    Times are RFC 3339 in UTC. ``port``, ``url`` and ``pid`` are null while there is no process.
    """

    user_id: str
    port: int | None = None
    db_path: str
    url: str | None = None
    status: Status
    created_at: datetime
    last_health_check: datetime | None = None
    desired: Desired
    reason: str
    """Why it has this status, in words."""
    pid: int | None = None
    started_at: datetime | None = None
    """When the process that runs now was started."""
    restarts: int = 0
    """How often the manager started it again by itself."""
    version: str | None = None
    """The PocketBase that has served it last."""
    failure: Failure | None = None
    """Why it failed, while it is Failed or being started again after that."""
    deleted_at: datetime | None = None
    """When it was deleted; its data are kept for a while after that."""
    public_url: str | msgspec.UnsetType = msgspec.UNSET
    """Where it is reached through the door, running or asleep; left out where there is none."""
    host: str | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: the host that it is on."""
    last_backup: datetime | msgspec.UnsetType | None = msgspec.UNSET
    """As of when its data are in a backup; left out where nobody asked."""
    last_proven_backup: datetime | msgspec.UnsetType | None = msgspec.UNSET
    """As of when they are in one that PocketBase has run on; left out where nobody asked."""
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET
    """What it took of the machine when it was last looked at; left out where nobody asked."""
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """What the app has put beside it; left out where nobody asked."""
