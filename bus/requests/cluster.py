"""Requests: the cluster, where several hosts share their users."""

from __future__ import annotations

from bus.requests.base import Request, UserRequest


class GetCluster(Request, frozen=True, kw_only=True, tag=True):
    """Which hosts there are, and how many users each has."""


class MoveInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have another host own the user. Answered once it runs there, or stands still there."""

    host: str


class DrainHost(Request, frozen=True, kw_only=True, tag=True):
    """Have the host get nobody new, and hand over whom it has. Answered when that has begun."""

    host: str
    """Who is asked: a host drains itself only."""
    off: bool = False
    """Have it get users again, instead."""


class RebalanceHost(Request, frozen=True, kw_only=True, tag=True):
    """Have the host hand over those who belong elsewhere. Answered when that has begun."""

    host: str
    """Who is asked."""


class VerifyReplica(UserRequest, frozen=True, kw_only=True, tag=True):
    """Restore the user's replica into a place of its own, and check what came out."""
