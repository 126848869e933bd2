"""Answers: the cluster."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.answers.base import Answer


class ClusterHost(msgspec.Struct, frozen=True, kw_only=True):
    """One host of the cluster."""

    member: bool
    """Whether it is among the hosts; else it was lost, and has users that nobody has taken yet."""
    heard: bool
    """Whether the host that answers hears it."""
    users: int
    """How many users it owns."""
    capacity: int | None
    """Its weight beside the others; null: it is not there."""
    draining: bool
    """Whether it gets nobody new."""
    version: str | None
    """Of its manager."""
    http: str | None
    """Where its API is."""


class ClusterAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetCluster``, as the host that answers knows it."""

    name: str
    """Of the cluster."""
    host: str
    """Who answers."""
    hosts: dict[str, ClusterHost]
    users: int
    """How many users the cluster has."""
    states: dict[str, int]
    """How many places are in each state."""
    problems: dict[str, str]
    """Users that a person has to look after, and why."""
    warnings: list[str]
    """Why the host that answers is not in its cluster, if so; what should be mended of etcd."""


class PlaceAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """Where a user is."""

    user_id: str
    host: str
    epoch: int
    """How often the user has changed its owner, and one more."""
    state: str
    """`running`, `stopped`, `restoring` or `moving`."""
    address: str | None
    """Where its PocketBase listens, while it runs."""


class MovesAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """Whom a host hands over from now on, a few at a time."""

    users: list[str]


class DrillAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """What was restored from a user's replica, and found well."""

    user_id: str
    generation: str
    """Which part of the replica it came from."""
    database_bytes: int
    rows: int
    """In all tables together."""
    seconds: float
    """How long it took."""
    at: datetime
