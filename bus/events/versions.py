"""Events: which PocketBase the instances are served by."""

from __future__ import annotations

from bus.events.base import InstanceEvent, ManagerEvent
from bus.instance import Failure
from bus.rollout import Rollout


class InstanceUpgraded(InstanceEvent, frozen=True, kw_only=True, tag="instance_upgraded"):
    """The first start of the user's data with another PocketBase went well."""

    old: str | None
    version: str | None


class UpgradeRolledBack(InstanceEvent, frozen=True, kw_only=True, tag="upgrade_rolled_back"):
    """It failed: the data are as they were before, for the PocketBase that they had."""

    version: str | None
    """That one."""
    refused: str | None
    """The one that failed; it is not tried again before somebody asks for it."""
    reason: str
    failure: Failure


class RolloutStarted(ManagerEvent, frozen=True, kw_only=True, tag="rollout_started"):
    """All running instances are upgraded, in waves."""

    rollout: Rollout


class RolloutFinished(ManagerEvent, frozen=True, kw_only=True, tag="rollout_finished"):
    """It has ended, as its state tells: all are upgraded, it failed, or it was cancelled."""

    rollout: Rollout
