"""What the tests of the bus start from: endpoints of their own, a hub, a client."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import zmq

from bus.client import BusClient
from bus.hub import Handler, Hub
from bus.metrics import Metrics
from bus.subscriber import Subscriber
from tests.bus.parts import NEVER, PATIENCE, Endpoints, Script, Wire


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """Return a directory whose path is short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="pblm", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def endpoints(short_dir: Path) -> Endpoints:
    return Endpoints(f"ipc://{short_dir}/commands.sock", f"ipc://{short_dir}/events.sock")


class Bus:
    """Opens parts of a bus for one test, and closes them in reverse."""

    def __init__(self, endpoints: Endpoints, stack: ExitStack) -> None:
        self.endpoints = endpoints
        self._stack = stack
        self._context = stack.enter_context(zmq.Context())

    def hub(
        self,
        handler: Handler,
        *,
        history: int = 10_000,
        heartbeat: float = NEVER,
        endpoints: Endpoints | None = None,
        metrics: Metrics | None = None,
    ) -> Hub:
        """Open a hub and start it."""
        command, event = endpoints or self.endpoints
        hub = Hub(
            command_endpoint=command,
            event_endpoint=event,
            history=history,
            heartbeat=heartbeat,
            metrics=metrics,
        )
        self._stack.callback(hub.close)
        hub.start(handler)
        return hub

    def client(self, timeout: float = PATIENCE) -> BusClient:
        """Open a client."""
        return self._stack.enter_context(BusClient(self.endpoints.command, timeout=timeout))

    def subscriber(
        self,
        *,
        user_id: str | None = None,
        usage: bool = False,
        event: str | None = None,
        command: str | None = None,
        timeout: float = PATIENCE,
        heartbeats: bool = False,
    ) -> Subscriber:
        """Open a subscriber, at the hub's own endpoints unless told others."""
        return self._stack.enter_context(
            Subscriber(
                event_endpoint=event or self.endpoints.event,
                command_endpoint=command or self.endpoints.command,
                user_id=user_id,
                usage=usage,
                timeout=timeout,
                heartbeats=heartbeats,
            )
        )

    def wire(self, endpoint: str) -> Wire:
        """Open a wire from the hub to ``endpoint``."""
        return self._stack.enter_context(closing(Wire(self.endpoints.event, endpoint)))

    def closing(self, close: Callable[[], None]) -> None:
        """Have ``close`` called at the end."""
        self._stack.callback(close)

    def socket(self, kind: int, endpoint: str) -> zmq.Socket[bytes]:
        """Open a bare ZeroMQ socket that gives up after a while."""
        socket = self._context.socket(kind)
        self._stack.callback(socket.close, linger=0)
        socket.rcvtimeo = socket.sndtimeo = int(PATIENCE * 1000)
        socket.connect(endpoint)
        return socket


@pytest.fixture
def bus(endpoints: Endpoints) -> Iterator[Bus]:
    with ExitStack() as stack:
        yield Bus(endpoints, stack)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def hub(bus: Bus, script: Script) -> Hub:
    return bus.hub(script)


@pytest.fixture
def client(bus: Bus) -> BusClient:
    return bus.client()
