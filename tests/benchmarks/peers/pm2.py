"""PM2 (https://pm2.keymetrics.io), asked by its own library in a node process."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks.bare import PATIENCE
from tests.benchmarks.peers.peer import Job, Jobs

SCRIPT = Path(__file__).with_name("pm2.js")


class Pm2:
    """It says that a job is ``online``."""

    name = "PM2"

    def __init__(self, environment: Path, folder: Path, jobs: Jobs) -> None:
        self.job = jobs.job
        self._node = subprocess.Popen(
            ["node", str(SCRIPT), str(environment / "node_modules" / "pm2")],
            env={**os.environ, "PM2_HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who end it in order
        )
        self._answer()

    def add(self, job: Job) -> None:
        command, *words = job.command
        what = {"name": job.name, "script": command, "args": words, "interpreter": "none"}
        environ = {"PATH": "", "HOME": str(job.data)}
        self._ask("start", what | {"exec_mode": "fork", "env": environ})

    def start(self, job: Job) -> None:
        self._ask("restart", job.name)

    def stop(self, job: Job) -> None:
        self._ask("stop", job.name)

    def status(self, job: Job) -> str:
        return str(self._ask("describe", job.name))

    def close(self) -> None:
        try:
            self._ask("killDaemon", "")
        finally:
            self._node.kill()
            self._node.communicate(timeout=PATIENCE)

    def _ask(self, call: str, argument: Any) -> Any:
        assert self._node.stdin is not None
        self._node.stdin.write(json.dumps({"call": call, "argument": argument}) + "\n")
        self._node.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._node.stdout is not None
        while not (line := self._node.stdout.readline()).startswith("{"):
            if not line:
                raise RuntimeError("PM2 has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]
