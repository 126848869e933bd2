"""Events: the manager and its machine."""

from __future__ import annotations

from bus.events.base import ManagerEvent


class DiskLow(ManagerEvent, frozen=True, kw_only=True, tag="disk_low"):
    """The disk of the users' databases is nearly full."""

    free_bytes: int


class DiskRecovered(ManagerEvent, frozen=True, kw_only=True, tag="disk_recovered"):
    """It has room again."""

    free_bytes: int


class RestartsSlowed(ManagerEvent, frozen=True, kw_only=True, tag="restarts_slowed"):
    """Many instances failed at once: something else is wrong, and restarts are slowed."""

    failed_instances: int
