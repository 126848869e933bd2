"""Events: the other hosts of a cluster."""

from __future__ import annotations

from bus.events.base import ManagerEvent


class HostConnected(ManagerEvent, frozen=True, kw_only=True, tag="host_connected"):
    """What happens on another host, ``peer``, is heard from here on; what happened before is not.

    Whoever follows the fleet takes a fresh picture of it; ``Subscriber`` does so by itself.
    """

    peer: str


class HostDisconnected(ManagerEvent, frozen=True, kw_only=True, tag="host_disconnected"):
    """Another host, ``peer``, is not heard any more: what is known of it is as it was then."""

    peer: str
