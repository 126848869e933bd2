"""Whereabouts: which host a request about a user goes to. Every host answers the same."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from actors.cluster.directory import Directory, Host, Place, State
from actors.cluster.rendezvous import choose


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to, and under which epoch of the user's place; 0: there has never been one."""

    host: str
    epoch: int


class Whereabouts:
    """See the module. From any thread; never waits."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def of(self, user_id: str) -> Target:
        """Where requests about the user go, as last heard."""
        return self.by(user_id, self._directory.place(user_id))

    def by(self, user_id: str, place: Place | None) -> Target:
        """Where they go when ``place`` is the user's.

        To the owner while it is there; else to whoever is to be the next one.
        """
        hosts = self._directory.hosts()
        epoch = 0 if place is None else place.epoch
        if place is not None and place.state is not State.PURGED:
            for owner in (place.host, place.target):
                if owner is not None and owner in hosts:
                    return Target(host=owner, epoch=epoch)
        return Target(host=heir(user_id, hosts) or self._directory.host, epoch=epoch)


def heir(user_id: str, hosts: Mapping[str, Host]) -> str | None:
    """Return who is to have a user who has no owner; None when there is no host at all.

    A host that is being drained gets nobody, unless there are only such.
    """
    taking = {name: host for name, host in hosts.items() if not host.draining} or hosts
    return choose(user_id, {name: host.capacity for name, host in taking.items()})
