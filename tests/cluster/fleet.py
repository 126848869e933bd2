"""Several managers on one machine, each a host of one cluster."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from actors.cluster.directory import Place, State
from actors.cluster.etcd import Etcd
from actors.cluster.rendezvous import choose
from tests.etcd import Etcd as Engine
from tests.house.manager import Manager, manager_of
from tests.house.surroundings import eventually
from tests.ports import free_ports

Settings = dict[str, object]
TTL = 3
MARGIN = 1
FAILOVER = 20.0
"""Seconds in which a lost host's users are somewhere else, on a busy machine."""


class Fleet:
    """The hosts, and what they have agreed on."""

    def __init__(self, managers: list[Manager], replica: Path) -> None:
        self.replica = replica
        self.hosts = {manager.settings.cluster_host: manager for manager in managers}
        self.agreed = Etcd(managers[0].settings)

    def start(self) -> None:
        """Start all, and return when all have joined."""
        for manager in self.hosts.values():
            manager.start()
        self.await_hosts(*self.hosts)
        for name in self.hosts:
            eventually(functools.partial(self.serves, name), f"{name} serves")
            self.await_seeds(name)

    def await_seeds(self, host: str) -> None:
        """Return when new users of the host begin with a seed.

        Without one a PocketBase makes its database while Litestream, which looks ten times a second
        here, makes a table in it: that may end the start after 7.5 s, and the next one, too.
        """
        manager = self.hosts[host]
        wanted = manager.settings.seeds
        found = manager.layout.nursery.glob
        eventually(lambda: len(list(found("*/seed.*"))) >= wanted, f"{host} has seeds")

    def await_hosts(self, *names: str) -> None:
        """Return when exactly these are there."""
        eventually(lambda: set(self.agreed.hosts().hosts) == set(names), f"{names} are there")

    def named(self, host: str, word: str) -> str:
        """Return a user id that begins with ``word`` and goes to the host when it is new."""
        capacities = dict.fromkeys(self.hosts, 100)
        names = (f"{word}{number}" for number in itertools.count())
        return next(name for name in names if choose(name, capacities) == host)

    def serves(self, host: str) -> bool:
        """Whether it knows whose the users are that are here."""
        return self.kept(host) is not None

    def kept(self, host: str) -> int | None:
        """How many users are in the host's own registry; None while it does not know itself."""
        manager = self.hosts[host]
        if manager.api.call("GET", "/api/pb_instances").status_code != 200:
            return None
        health = manager.api.call("GET", "/health/pb").json()
        return int(health["hosts"][host]["total_instances"])

    def place(self, user_id: str) -> Place:
        """Whose the user is."""
        seen = self.agreed.read(user_id)
        assert seen is not None, f"{user_id} has no place"
        return seen.place

    def known(self, user_id: str) -> Place | None:
        """Whose the user is, if it is anybody's."""
        seen = self.agreed.read(user_id)
        return None if seen is None else seen.place

    def is_on(self, user_id: str, host: str) -> bool:
        """Whether the host owns the user."""
        return self.place(user_id).host == host

    def runs_on(self, user_id: str, *hosts: str) -> bool:
        """Whether the user runs on one of the hosts, as far as they have agreed."""
        seen = self.agreed.read(user_id)
        return seen is not None and (seen.place.state is State.RUNNING and seen.place.host in hosts)

    def await_run(self, user_id: str, *hosts: str, within: float = FAILOVER) -> Place:
        """Return the place of the user when it runs on one of the hosts."""
        eventually(lambda: self.runs_on(user_id, *hosts), f"{user_id} runs on {hosts}", within)
        return self.place(user_id)


def settings_of(engine: Engine, replica: Path, name: str) -> dict[str, object]:
    """Return the settings of one host."""
    bus = free_ports(2)
    return {
        "cluster_etcd": engine.urls,
        "cluster_name": replica.name,
        "cluster_host": name,
        "cluster_ttl": TTL,
        "cluster_margin": MARGIN,
        "cluster_bus_port": bus,
        "cluster_events_port": bus + 1,
        "door_port": free_ports(1),
        "replica_url": replica,
        "replica_sync_interval": 0.1,
        "seeds": 2,
    }


@contextmanager
def fleet_of(
    engine: Engine, count: int = 3, *, own: dict[str, Settings] | None = None, **settings: object
) -> Iterator[Fleet]:
    """Make the hosts, which are not started yet; nothing of them is left afterwards.

    The ``settings`` are those of all, ``own`` those of each.
    """
    with tempfile.TemporaryDirectory(prefix="pblm-replica-") as replica, ExitStack() as stack:
        managers = []
        for name in (f"h{number}" for number in range(1, count + 1)):
            its = settings_of(engine, Path(replica), name) | settings | (own or {}).get(name, {})
            managers.append(stack.enter_context(manager_of(**its)))
        fleet = Fleet(managers, Path(replica))
        stack.callback(fleet.agreed.close)
        yield fleet
