"""A burst of events to three subscribers in processes of their own: all of them, in order."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from bus.answers import InstancesAnswer
from bus.events import StatusChanged
from bus.hub import Hub, Reply
from bus.instance import Instance
from bus.requests import Request
from bus.states import Desired, Status
from bus.subscriber import Snapshot, Subscriber
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import child
from tests.benchmarks.table import Row

SUBSCRIBERS = 3


def measure(plan: Plan) -> list[Row]:
    """Publish as fast as one thread can; the time ends when the last subscriber has them all."""
    count = plan.counts.burst
    commands, events = f"ipc://{plan.root}/c.sock", f"ipc://{plan.root}/e.sock"
    hub = Hub(command_endpoint=commands, event_endpoint=events)
    hub.start(answer)
    try:
        with (
            child(hear, count, events, commands) as one,
            child(hear, count, events, commands) as two,
            child(hear, count, events, commands) as three,
        ):
            one(), two(), three()  # they listen
            began = time.perf_counter()
            for number in range(count):
                hub.publish(changed(number))
            lost = [one(), two(), three()]
            seconds = time.perf_counter() - began
    finally:
        hub.close()
    return [
        Row(
            what=f"burst of {count} events, {SUBSCRIBERS} subscribers: lost",
            unit="events",
            ours=[float(each) for each in lost],
            target="0",
            met=not any(lost),
        ),
        Row(what="of it, the rate", unit="events/s", ours=[count / seconds]),
    ]


def answer(request: Request, reply: Reply) -> None:
    """Know of no instance."""
    reply(InstancesAnswer(instances={}, total=0, next=None))


def changed(number: int) -> StatusChanged:
    """Return an event as the manager publishes it, the ``number``-th."""
    now = datetime.now(UTC)
    instance = Instance(
        user_id=f"user{number}",
        port=9000,
        db_path="/srv/user_dbs/pb_user_somebody.db",
        url="http://127.0.0.1:9000",
        status=Status.RUNNING,
        created_at=now,
        desired=Desired.RUNNING,
        reason="It answers its health check",
        pid=4711,
        started_at=now,
    )
    return StatusChanged(
        at=now,
        user_id=instance.user_id,
        old=Status.STARTING,
        status=Status.RUNNING,
        reason=instance.reason,
        instance=instance,
    )


def hear(pipe: Connection, count: int, event_endpoint: str, command_endpoint: str) -> None:
    """Say that it listens; then how many of the events never came."""
    with Subscriber(event_endpoint=event_endpoint, command_endpoint=command_endpoint) as updates:
        assert isinstance(updates.receive(30), Snapshot)
        pipe.send(None)
        seen: set[str] = set()
        while len(seen) < count:
            update = updates.receive(10)
            if update is None:
                break
            if isinstance(update, StatusChanged):
                seen.add(update.user_id)
    pipe.send(count - len(seen))
