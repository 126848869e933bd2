"""Requests: what was measured, and what has been."""

from __future__ import annotations

from bus.requests.base import Request, UserRequest


class GetFleet(Request, frozen=True, kw_only=True, tag=True):
    """All instances together, the manager and its machine, in numbers."""


class GetUsage(UserRequest, frozen=True, kw_only=True, tag=True):
    """What the user's instance took of the machine lately."""


class GetHistory(UserRequest, frozen=True, kw_only=True, tag=True):
    """The statuses that the user's instance went through."""
