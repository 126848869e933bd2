"""Requests: replicas."""

from __future__ import annotations

from bus.requests.base import UserRequest


class GetReplica(UserRequest, frozen=True, kw_only=True, tag=True):
    """How far the user's data are replicated, and how far back they can be had."""
