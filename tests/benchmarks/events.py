"""A change of status until a subscriber in another process has it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import zmq

from bus.events import StatusChanged
from bus.subscriber import Snapshot, Subscriber
from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import child
from tests.benchmarks.table import Row, within

EVENTS_PER_CYCLE = 4
"""Starting, Running, Stopping, Stopped."""
EVENT_BYTES = 700
"""About as long as a status event."""


def measure(plan: Plan) -> list[Row]:
    """Start and stop a user while another process listens; the bare thing is PUB to SUB alone."""
    cycles = plan.counts.cycles
    bare_endpoint = f"ipc://{plan.root / 'bare.sock'}"
    with Manager(plan) as manager, zmq.Context() as context, context.socket(zmq.XPUB) as bare:
        bare.bind(bare_endpoint)
        endpoints = (manager.settings.event_endpoint, manager.settings.command_endpoint)
        count = cycles * EVENTS_PER_CYCLE
        with (
            child(hear_ours, count, *endpoints) as ours,
            child(hear_bare, count, bare_endpoint) as theirs,
        ):
            ours(), theirs()  # they listen
            for _ in range(cycles):
                manager.api.init("user")
                manager.api.stop("user")
                publish_bare(bare)
            return [within("status change to subscriber", 1, ours(), theirs())]


def publish_bare(socket: zmq.Socket[bytes]) -> None:
    """Publish as many events as one cycle has, a few milliseconds apart."""
    for _ in range(EVENTS_PER_CYCLE):
        time.sleep(0.005)
        body = str(time.time()).encode().ljust(EVENT_BYTES)
        socket.send_multipart([b"instance.user.status_changed", body])


def hear_ours(pipe: Connection, count: int, event_endpoint: str, command_endpoint: str) -> None:
    """Send how old each event was, in seconds: its ``at`` is taken before it is written down."""
    ages: list[float] = []
    with Subscriber(event_endpoint=event_endpoint, command_endpoint=command_endpoint) as updates:
        for update in updates:
            now = datetime.now(UTC)
            if isinstance(update, Snapshot):
                pipe.send(None)
            if isinstance(update, StatusChanged):
                ages.append((now - update.at).total_seconds())
            if len(ages) == count:
                break
    pipe.send(ages)


def hear_bare(pipe: Connection, count: int, endpoint: str) -> None:
    """Send how old each message was, in seconds."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.subscribe(b"")
        socket.connect(endpoint)
        time.sleep(0.2)
        pipe.send(None)
        ages = []
        for _ in range(count):
            body = socket.recv_multipart()[1]
            ages.append(time.time() - float(body))
    pipe.send(ages)
