"""Hosts of a cluster, as far as their agreement goes."""

from __future__ import annotations

import itertools
from typing import Any

from actors.cluster.coordination import Membership
from actors.cluster.directory import Host, Place, State
from actors.cluster.etcd import Etcd
from bus.settings import Settings
from tests.etcd import Etcd as Engine

_numbers = itertools.count()
TTL = 3
"""Seconds that a host's lease lasts: etcd has shorter ones in a quick election only."""


def coordination(engine: Engine, *, name: str | None = None, **settings: Any) -> Etcd:
    """Return an agreement on ``engine``; without ``name`` in a cluster of its own."""
    return Etcd(
        Settings(
            cluster_etcd=tuple(engine.urls.split(",")),
            cluster_name=name or f"tests-{next(_numbers)}",
            replica_url="/nowhere",
            **{"cluster_ttl": TTL, "cluster_margin": 1.0} | settings,
        )
    )


def entry(home: str = "home", *, capacity: int = 100) -> Host:
    """Return what a host tells of itself."""
    return Host(bus="", events="", http="", curve="", capacity=capacity, version="0", home=home)


def joined(agreed: Etcd, name: str = "h1", *, home: str = "") -> Membership:
    """Join a host."""
    return agreed.join(name, entry(home or name), TTL)


def place(member: Membership, epoch: int = 1, state: State = State.RESTORING) -> Place:
    """Return a place at the host."""
    return Place(host=member.host, incarnation=member.incarnation, epoch=epoch, state=state)
