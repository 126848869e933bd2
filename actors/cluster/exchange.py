"""Exchange: what goes between this host and the others, requests and events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from actors.cluster.directory import Directory
from actors.cluster.fleet import FleetReads
from actors.cluster.forwarding import Forwarder
from actors.cluster.ways import Ways
from actors.door.routes import Routes
from actors.layout import Layout
from actors.services import Services
from bus.answers import ClusterAnswer
from bus.events import Event, HostConnected, HostDisconnected, Origin
from bus.local import Handler, Reply
from bus.peers.bus import PeerBus
from bus.peers.keys import KeyPair
from bus.peers.messages import Call, Mind, Peer, PeerReply
from bus.requests import (
    AnyRequest,
    DrainHost,
    GetCluster,
    GetFleet,
    GetHealth,
    ListInstances,
    RebalanceHost,
    Request,
    UserRequest,
)
from bus.settings import Settings

KEY = "peer.key"
"""The file of this host's secret key, beside the registry."""


class Exchange(Mind):
    """A layer around what serves this host: the same is asked, and answered, on every host.

    Owns the sockets between the hosts. Nothing here ever waits.
    """

    def __init__(
        self,
        *,
        cluster: str,
        directory: Directory,
        peers: PeerBus,
        serve: Handler,
        publish: Callable[[Event], None],
        door: Routes | None,
        now: Callable[[], datetime],
    ) -> None:
        """``serve`` answers on this host alone; ``publish`` tells those who listen to it.

        The ``door``, if there is one, is led to the instances of other hosts.
        """
        self._directory = directory
        self._peers = peers
        self._serve = serve
        self._publish = publish
        self._ways = None if door is None else Ways(directory, door.lead_elsewhere, door.bound)
        self._now = now
        self._forwarder = Forwarder(directory, peers, serve)
        self._fleet = FleetReads(cluster, directory, peers, serve)

    def start(self) -> None:
        """Speak with the other hosts from now on."""
        self._peers.start(self)
        self._directory.listen(self._follow)
        self._follow()

    def close(self) -> None:
        """Speak with nobody any more."""
        self._peers.close()
        self._forwarder.close()

    def handle(self, request: Request, reply: Reply) -> None:
        """Have a request answered by whom it is for. Raises what this host answers at once."""
        match request:
            case ListInstances():
                self._fleet.instances(request, reply)
            case GetHealth(write=False):
                self._fleet.health(request, reply)
            case GetFleet():
                self._fleet.numbers(request, reply)
            case GetCluster():
                reply(self.status())
            case UserRequest():
                self._forwarder.handle(request, reply)
            case DrainHost(host=host) | RebalanceHost(host=host):
                self._forwarder.to_host(host, request, reply)
            case _:
                self._serve(request, reply)

    def status(self) -> ClusterAnswer:
        """Return which hosts there are, from what is known here."""
        return self._fleet.cluster()

    def announce(self, event: Event) -> None:
        """Tell everybody, here and on the other hosts, what happened on this one."""
        marked = msgspec.structs.replace(event, host=self._directory.host)
        self._publish(marked)
        self._peers.publish(marked)

    def serve(self, call: Call, request: AnyRequest, reply: PeerReply) -> None:
        """Answer another host."""
        if isinstance(request, UserRequest):
            self._forwarder.take(call, request, reply)
        else:
            self._serve(request, reply)

    def hear(self, event: Event, origin: Origin) -> None:
        """Tell those who listen here what another host told."""
        if self._ways is not None:
            self._ways.hear(event)
        self._publish(msgspec.structs.replace(event, host=origin.host, origin=origin))

    def connected(self, host: str) -> None:
        """Tell those who listen here to take a fresh picture."""
        reason, here = f"Host {host} is heard", self._directory.host
        self._publish(HostConnected(at=self._now(), host=here, peer=host, reason=reason))

    def disconnected(self, host: str, reason: str) -> None:
        """Tell those who listen here."""
        told, here = f"Host {host}: {reason}", self._directory.host
        self._publish(HostDisconnected(at=self._now(), host=here, peer=host, reason=told))

    def _follow(self) -> None:
        if self._ways is not None:
            self._ways.follow()
        self._peers.meet(
            Peer(host=name, bus=host.bus, events=host.events, curve=host.curve)
            for name, host in self._directory.hosts().items()
            if name != self._directory.host and host.curve
        )


def make_exchange(
    services: Services, peers: PeerBus, serve: Handler, publish: Callable[[Event], None]
) -> Exchange:
    """Return that of a host that is one of several."""
    assert services.directory is not None, "there is one host"
    settings = services.settings
    exchange = Exchange(
        cluster=settings.cluster_name,
        directory=services.directory,
        peers=peers,
        serve=serve,
        publish=publish,
        door=None if settings.door == "none" else services.routes,
        now=services.clock.now,
    )
    services.metrics.read_cluster(exchange.status)
    return exchange


def open_peers(settings: Settings, layout: Layout) -> PeerBus:
    """Bind what the other hosts speak to.

    Raises :class:`SettingsError` for a key that will not do, :class:`Unavailable` for a port.
    """
    where = f"tcp://{settings.cluster_address}"
    return PeerBus(
        keys=KeyPair.remembered(layout.control / KEY),
        bus=f"{where}:{settings.cluster_bus_port}",
        events=f"{where}:{settings.cluster_events_port}",
    )
