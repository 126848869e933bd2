"""The sockets between hosts: how each is made. Only those with a known key get through."""

from __future__ import annotations

from collections.abc import Callable
from socket import SOCK_STREAM, getaddrinfo
from typing import Any

import zmq
from zmq.utils import z85

from bus.errors import Unavailable
from bus.peers.keys import KeyPair

MAX_REQUEST = 1024 * 1024
"""ZeroMQ itself hangs up on a host that sends a larger frame to be served, in bytes."""
MAX_ANSWER = 256 * 1024 * 1024
"""The same for what is answered: the list of a host's instances, about 1 KB for each."""
BEAT, BEAT_LOST = 1_000, 4_000
"""Milliseconds between ZeroMQ's own heartbeats, and until a connection without them is closed."""
HANDSHAKE = 1_000
"""Milliseconds until a handshake that was not answered is tried again: so is one refused with 300,
of which ZeroMQ 4.3.5 says nothing to whoever is refused."""
HIGH_WATER_MARK = 100_000
"""Messages that wait for one host before ZeroMQ drops further ones."""
DOMAIN = "pblm"
"""ZAP asks for one."""


class GuestList:
    """Answers for every key that comes whether it is known (ZAP, https://rfc.zeromq.org/spec/27).

    pyzmq's own authenticator refuses for good: who was refused with 400 does not come again, and a
    host that joins is known to the others at different moments. 300 lets it try again.
    """

    def __init__(self, context: zmq.Context[Any], knows: Callable[[str], bool]) -> None:
        """Belongs to the thread that polls ``socket``, and is to be there before the others."""
        self._knows = knows
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        """Let one caller in, or not."""
        version, request, _, _, _, mechanism, *credentials = self.socket.recv_multipart()
        key = z85.encode(credentials[0]) if mechanism == b"CURVE" else b""
        known = self._knows(key.decode())
        said = [b"200", b"", key, b""] if known else [b"300", b"unknown key", b"", b""]
        self.socket.send_multipart([version, request, *said])


def serving(context: zmq.Context[Any], kind: int, keys: KeyPair, endpoint: str) -> Any:
    """Return a socket bound to ``endpoint``; raise :class:`Unavailable` when that cannot be."""
    socket = _made(context, kind, keys)
    socket.curve_server = True
    socket.zap_domain = DOMAIN.encode()
    socket.maxmsgsize = MAX_REQUEST
    if kind == zmq.XPUB:
        socket.xpub_verbose = True
    try:
        socket.bind(_numeric(endpoint))
    except zmq.ZMQError as error:
        socket.close()
        reason = zmq.strerror(error.errno or 0)
        raise Unavailable(f"{endpoint}: cannot be bound for the other hosts: {reason}") from error
    return socket


def _numeric(endpoint: str) -> str:
    """ZeroMQ binds to addresses, not to the names of hosts."""
    name, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
    try:
        found = getaddrinfo(name.strip("[]"), None, type=SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"{endpoint}: no address of this machine: {error}") from error
    address = str(found[0][4][0])
    return f"tcp://[{address}]:{port}" if ":" in address else f"tcp://{address}:{port}"


def calling(context: zmq.Context[Any], kind: int, keys: KeyPair, endpoint: str, key: str) -> Any:
    """Return a socket to the host whose public key is ``key``; it connects by and by."""
    socket = _made(context, kind, keys)
    socket.curve_serverkey = key.encode()
    socket.maxmsgsize = MAX_ANSWER
    socket.reconnect_ivl = 50
    socket.reconnect_ivl_max = 1_000
    if kind == zmq.DEALER:
        socket.immediate = True  # nothing waits in a queue for a host that is not there
    else:
        socket.subscribe(b"")
    socket.connect(endpoint)
    return socket


def _made(context: zmq.Context[Any], kind: int, keys: KeyPair) -> Any:
    socket = context.socket(kind)
    socket.linger = 0
    socket.sndhwm = socket.rcvhwm = HIGH_WATER_MARK
    socket.ipv6 = True
    socket.handshake_ivl = HANDSHAKE
    socket.heartbeat_ivl = BEAT
    socket.heartbeat_timeout = socket.heartbeat_ttl = BEAT_LOST
    socket.curve_publickey, socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
    return socket
