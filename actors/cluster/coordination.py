"""Coordination: the few things that hosts must agree on, and what they need of an engine for it.

Join, renew, leave; read; swap what was read for something else; hear that something changed. etcd
is one that can (:mod:`actors.cluster.etcd`). Any other must keep its word on a log that is on the
disks of most of its members: a swap that was acknowledged is never taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from actors.cluster.directory import Host, Kept, Place


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """That a host is there, from one join to its end."""

    host: str
    incarnation: int
    """Rises with every join of any host; never the same again."""
    lease: int


class SeenHost(msgspec.Struct, frozen=True):
    """A host, and the membership that it has."""

    host: Host
    incarnation: int


class SeenPlace(msgspec.Struct, frozen=True):
    """A place, and when it was last changed."""

    place: Place
    revision: int


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What another user's place becomes by the same swap: there is nobody of that name then."""

    user_id: str
    seen: SeenPlace
    place: Place


class SeenKept(msgspec.Struct, frozen=True):
    """What goes with a user, and when it was last changed."""

    kept: Kept
    revision: int


class Presence(msgspec.Struct, frozen=True):
    """Who is there, at one moment."""

    revision: int
    hosts: Mapping[str, SeenHost]


class Doubt(msgspec.Struct, frozen=True):
    """The note that the engine was put back to a copy."""

    until: int = 0
    """Who was claimed under that incarnation, or before, may be as the copy has it; 0: nobody."""
    revision: int = 0
    """When it was noted; 0: never."""


class View(Presence, frozen=True):
    """Everything, at one moment."""

    places: Mapping[str, SeenPlace]
    doubt: Doubt = Doubt()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of a host, or of a user's place, at a revision."""

    revision: int
    name: str
    seen: SeenHost | SeenPlace | None
    """None: a host is gone."""


class Lost(Exception):
    """The membership has ended: who had it owns nothing any more."""


class Compacted(Exception):
    """What changed in between is not known any more: look at everything again."""


class NameTaken(Exception):
    """Another host of this name is there."""


class Coordination(Protocol):
    """Thread-safe. What is not answered in time raises :class:`gateway.Unreachable`."""

    def join(self, name: str, entry: Host, ttl: int) -> Membership:
        """Be there as ``name``, until nothing was heard of us for ``ttl`` seconds.

        A membership of the same ``home`` is ended by it: nothing of that may run any more. Raises
        :class:`NameTaken`.
        """

    def renew(self, member: Membership) -> None:
        """Stay there; raises :class:`Lost`. Proven by most of the engine, not by one that was."""

    def tell(self, member: Membership, entry: Host) -> None:
        """Change what is known of us; raises :class:`Lost`."""

    def leave(self, member: Membership) -> None:
        """Be there no longer. Nothing of ours may run any more."""

    def view(self) -> View:
        """Everything, as it is."""

    def read(self, user_id: str) -> SeenPlace | None:
        """The user's place, as it is."""

    def swap(
        self,
        user_id: str,
        seen: SeenPlace | None,
        new: Place,
        member: Membership,
        *,
        gone: str | None = None,
        also: Ending | None = None,
    ) -> SeenPlace | None:
        """Have ``new`` in the place of what was ``seen``; None: that has not come true.

        That is when somebody was faster, ``member`` is not there any more, or ``gone`` is. A place
        that is purged has nothing beside it any more. ``also`` comes true with it, or neither does.
        """

    def kept(self, user_id: str) -> SeenKept | None:
        """What goes with the user, as it is."""

    def keep(
        self,
        user_id: str,
        new: Kept,
        former: SeenKept | None,
        seen: SeenPlace,
        member: Membership,
    ) -> bool:
        """Have ``new`` go with the user, in the place of ``former``; False: it has not come true.

        That is when somebody was faster, the place is not as ``seen``, or ``member`` is not there.
        """

    def hosts(self) -> Presence:
        """Who is there, as it is."""

    def doubt(self, until: int, former: Doubt) -> Doubt | None:
        """Have whoever comes know that the engine was put back to a copy: :attr:`Doubt.until`.

        In the place of the ``former`` note; None: it was another one by then.
        """

    def watch(self, revision: int, changed: Callable[[Change], None], silence: float) -> None:
        """Call ``changed`` with each change after ``revision``, in their order.

        Ends by :class:`gateway.Unreachable`, at the latest ``silence`` seconds after the last
        change: whoever watches asks again then. Or by :class:`Compacted`.
        """

    def warnings(self) -> list[str]:
        """What an operator should know of the engine, and of each of its members. Soon."""

    def close(self) -> None:
        """Close what is open."""
