"""Status over the command socket, several questions in flight; and by HTTP while much goes on."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import closing
from multiprocessing.connection import Connection

import zmq

from actors.priority import go_first
from bus import codec
from bus.requests import GetInstance
from tests.benchmarks import load
from tests.benchmarks.manager import Api, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import child
from tests.benchmarks.table import Row

CLIENTS = 2
IN_FLIGHT = 32
LEAST_RATE = 10_000.0
HANGING = 20
MOST_P99 = 10.0
HANG_SCRIPT = """#!/bin/sh
case "$*" in
  *user_hang*) exec sleep 600 ;;
esac
exec {binary} "$@"
"""


def measure(plan: Plan) -> list[Row]:
    """Ask in peace, and while twenty starts hang and a fleet is being started."""
    return [_rate(plan), *_under_load(plan)]


def _rate(plan: Plan) -> Row:
    with Manager(plan) as manager:
        manager.api.init("user0")
        endpoint = manager.settings.command_endpoint
        rates = []
        for _ in range(plan.counts.rounds):
            with (
                child(ask, endpoint, plan.counts.load_seconds) as one,
                child(ask, endpoint, plan.counts.load_seconds) as other,
            ):
                one(), other()
                rates.append((one() + other()) / plan.counts.load_seconds)
    return Row(
        what=f"GetInstance over ipc, {CLIENTS} clients, {IN_FLIGHT} in flight each",
        unit="req/s",
        ours=rates,
        target=f">= {LEAST_RATE:g}/s",
        met=statistics.median(rates) >= LEAST_RATE,
    )


def ask(pipe: Connection, endpoint: str, seconds: float) -> None:
    """Send how many answers came."""
    body = codec.encode(GetInstance(user_id="user0"))
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(endpoint)
        socket.send_multipart([b"0", body])
        socket.recv_multipart()
        pipe.send(None)
        for _ in range(IN_FLIGHT):
            socket.send_multipart([b"0", body])
        answered, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            socket.recv_multipart()
            socket.send_multipart([b"0", body])
            answered += 1
    pipe.send(answered)


def _under_load(plan: Plan) -> list[Row]:
    """Twenty starts never end: their program sleeps instead of serving."""
    apart = Plan(root=plan.root / "load", binary=plan.binary, counts=plan.counts)
    apart.root.mkdir()
    program = apart.root / "pocketbase"
    program.write_text(HANG_SCRIPT.format(binary=plan.binary))
    program.chmod(0o755)
    count = plan.counts.fleet
    settings = {
        "PB_BINARY_PATH": str(program),
        "PB_START_TIMEOUT": "120",
        "PB_MAX_STARTING": str(HANGING + 4),
    }
    with Manager(apart, ports=2 * (count + HANGING), **settings) as manager:
        for number in range(HANGING):
            manager.api.init(f"hang{number}", "?wait=0")
        with (
            child(start, manager.port, count) as begun,
            child(watch, manager.port, count, manager.settings.niceness) as seen,
        ):
            begun()
            latencies: list[float] = seen()
    p99 = statistics.quantiles(latencies, n=100, method="inclusive")[98]
    return [
        Row(
            what=f"pb_status while {HANGING} starts hang and {count} are started",
            unit="ms",
            ours=latencies,
            target=f"p99 < {MOST_P99:g} ms",
            met=p99 < MOST_P99,
        )
    ]


def start(pipe: Connection, port: int, count: int) -> None:
    """Have so many users started, one call after the other."""
    api = Api(port)
    pipe.send(None)
    for number in range(count):
        api.init(f"user{number}", "?wait=0")
    pipe.send(None)


def watch(pipe: Connection, port: int, count: int, niceness: int) -> None:
    """Ask again and again until all run; send how long each answer took, in milliseconds.

    As somebody who does not wait for this machine's processors himself: on another machine, say.
    """
    os.setsid()
    go_first(niceness)
    api, latencies = Api(port), list[float]()
    with closing(load.Line(port)) as line:
        while len(latencies) % 50 or api.running() < count:
            path = f"/api/users/user{len(latencies) % count}/pb_status"
            latencies.append(1000 * line.timed(path))
            time.sleep(0.002)
    pipe.send(latencies)
