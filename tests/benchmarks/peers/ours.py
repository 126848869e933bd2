"""Our own manager, asked over HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from actors.ports import preferred_offset
from tests.benchmarks.manager import Manager
from tests.benchmarks.peers.peer import Job
from tests.benchmarks.plan import Plan

PORTS = 200
"""So many that nobody waits for a port that cools down."""


class Ours:
    """It says that a job runs by answering ``init_pb``."""

    name = "ours"

    def __init__(self, plan: Plan, **settings: Any) -> None:
        self._stack = ExitStack()
        self._manager = self._stack.enter_context(Manager(plan, ports=PORTS, **settings))

    def job(self, number: int) -> Job:
        settings, name = self._manager.settings, f"user{number}"
        offset = preferred_offset(name, settings.port_range)
        data = settings.user_dbs_path / f"pb_user_{name}.db"
        return Job(name=name, data=data, port=settings.base_port + offset, command=())

    def add(self, job: Job) -> None:
        instance = self._manager.api.init(job.name)
        if (instance["status"], instance["port"]) != ("Running", job.port):
            raise RuntimeError(f"{instance}")

    def start(self, job: Job) -> None:
        self.add(job)

    def stop(self, job: Job) -> None:
        self._manager.api.stop(job.name)

    def status(self, job: Job) -> str:
        answer = self._manager.api.call("GET", f"/api/users/{job.name}/pb_status")
        return str(answer["instance"]["status"])

    def close(self) -> None:
        self._stack.close()
