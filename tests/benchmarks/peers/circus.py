"""Circus (https://circus.readthedocs.io), asked over its ZeroMQ endpoint."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import zmq

from tests.benchmarks.bare import PATIENCE
from tests.benchmarks.peers.peer import Job, Jobs, daemon, until


class Circus:
    """It says that a job is ``active``."""

    name = "Circus"

    def __init__(self, environment: Path, folder: Path, jobs: Jobs) -> None:
        self.job = jobs.job
        self._numbers = itertools.count()
        endpoint = f"ipc://{folder}/c.sock"
        config = folder / "circus.ini"
        config.write_text(
            f"[circus]\nendpoint = {endpoint}\npubsub_endpoint = ipc://{folder}/p.sock\n"
        )
        with ExitStack() as stack:
            context = stack.enter_context(zmq.Context())
            program = str(environment / "venv" / "bin" / "circusd")
            stack.enter_context(daemon([program, str(config)], folder))
            self._socket = stack.enter_context(context.socket(zmq.DEALER))
            self._socket.linger = 0
            self._socket.rcvtimeo = int(PATIENCE * 1000)
            self._socket.connect(endpoint)
            self._ask("list")
            self._stack = stack.pop_all()

    def add(self, job: Job) -> None:
        job.data.mkdir(parents=True)
        options = {"env": {"PATH": "", "HOME": str(job.data)}, "close_child_stdout": True}
        command, *words = job.command
        self._ask(
            "add", name=job.name, cmd=command, args=words, start=True, waiting=True, options=options
        )
        until(lambda: self.status(job) == "active", job.name)

    def start(self, job: Job) -> None:
        self._ask("start", name=job.name, waiting=True)
        until(lambda: self.status(job) == "active", job.name)

    def stop(self, job: Job) -> None:
        self._ask("stop", name=job.name, waiting=True)

    def status(self, job: Job) -> str:
        return str(self._ask("status", name=job.name)["status"])

    def close(self) -> None:
        self._stack.close()

    def _ask(self, command: str, **properties: Any) -> Any:
        message = {"id": str(next(self._numbers)), "command": command, "properties": properties}
        self._socket.send(json.dumps(message).encode())
        while True:
            answer = json.loads(self._socket.recv_multipart()[-1])
            if answer.get("id") == message["id"]:
                if answer.get("status") == "error":
                    raise RuntimeError(f"{command}: {answer}")
                return answer
