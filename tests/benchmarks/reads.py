"""``pb_status`` while many instances run: one client, and eight that do nothing else."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from api.server import ApiServer
from tests.benchmarks import load
from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import child
from tests.benchmarks.table import Row, within
from tests.ports import free_ports

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CLIENTS = 8
LEAST_RATE = 3000.0


def measure(plan: Plan) -> list[Row]:
    """The bare thing is the same waitress with an application of one line."""
    count = plan.counts.fleet
    users = [f"user{number}" for number in range(count)]
    with Manager(plan, ports=2 * count) as manager, bare_server() as bare_port:
        manager.init_all(users)
        ours, theirs = _latencies(plan, manager.port, bare_port, users)
        our_rates, their_rates = _rates(plan, manager.port, bare_port, users[0])
    return [
        within(f"pb_status with {count} running, 1 client", 0.5, ours, theirs),
        Row(
            what=f"pb_status, {CLIENTS} clients ({load.tool()})",
            unit="req/s",
            ours=our_rates,
            bare=their_rates,
            target=f"> {LEAST_RATE:g}/s",
            met=statistics.median(our_rates) > LEAST_RATE,
        ),
    ]


def _latencies(
    plan: Plan, port: int, bare_port: int, users: list[str]
) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    with closing(load.Line(port)) as line, closing(load.Line(bare_port)) as bare_line:
        for number in range(plan.counts.requests):
            path = f"/api/users/{users[number % len(users)]}/pb_status"
            ours.append(line.timed(path))
            theirs.append(bare_line.timed(path))
    return ours, theirs


def _rates(plan: Plan, port: int, bare_port: int, user_id: str) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    path = f"/api/users/{user_id}/pb_status"
    for _ in range(plan.counts.rounds):
        ours.append(load.rate(port, path, CLIENTS, plan.counts.load_seconds))
        theirs.append(load.rate(bare_port, path, CLIENTS, plan.counts.load_seconds))
    return ours, theirs


@contextmanager
def bare_server() -> Iterator[int]:
    """Serve a fixed answer in a process of its own; yield the port."""
    port = free_ports(1)
    with child(serve_bare, port) as said:
        said()  # it listens
        yield port


def serve_bare(pipe: Connection, port: int) -> None:
    """Answer everything with something as long as an instance, until ended."""
    body = json.dumps({"instance": "x" * 480}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", headers)
        return [body]

    server = ApiServer(app, host="127.0.0.1", port=port)
    server.start()
    pipe.send(None)
