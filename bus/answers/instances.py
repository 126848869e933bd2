"""Answers: instances."""

from __future__ import annotations

import msgspec

from bus.answers.base import Answer
from bus.instance import Instance


class InstanceAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``InitInstance``, ``StopInstance`` and ``GetInstance``."""

    instance: Instance | None


class InstancesAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``ListInstances``: one page, how many match in all, and the cursor of the next page."""

    instances: dict[str, Instance]
    total: int
    next: str | None
    unreachable_hosts: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: the hosts whose instances are not among them, as they did not answer."""
