"""Requests: the cluster, where several hosts share their users."""

from __future__ import annotations

from bus.requests.base import Request


class GetCluster(Request, frozen=True, kw_only=True, tag=True):
    """Which hosts there are, and how many users each has."""
