"""Supervisor (http://supervisord.org), asked over its Unix socket."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.peer import Job, Jobs, daemon, until


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class Supervisor:
    """It says that a job is ``RUNNING``, a second after it was started (``startsecs``)."""

    name = "Supervisor"

    def __init__(self, environment: Path, folder: Path, jobs: Jobs) -> None:
        self.job = jobs.job
        self._programs = folder / "programs"
        self._programs.mkdir()
        self._connection = _Connection(f"{folder}/s.sock")
        config = folder / "supervisord.conf"
        config.write_text(
            f"[unix_http_server]\nfile={folder}/s.sock\n"
            f"[supervisord]\nlogfile={folder}/s.log\npidfile={folder}/s.pid\nnodaemon=true\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = "
            "supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[include]\nfiles = {self._programs}/*.conf\n"
        )
        with ExitStack() as stack:
            program = str(environment / "venv" / "bin" / "supervisord")
            stack.enter_context(daemon([program, "-c", str(config)], folder))
            until(lambda: (folder / "s.sock").exists(), "supervisord")
            until(self._serves, "supervisord")
            self._stack = stack.pop_all()

    def add(self, job: Job) -> None:
        (self._programs / f"{job.name}.conf").write_text(
            f"[program:{job.name}]\ncommand={' '.join(job.command)}\nautostart=false\n"
            f'environment=PATH="",HOME="{job.data}"\n'
        )
        self._ask("reloadConfig")
        self._ask("addProcessGroup", job.name)
        self.start(job)

    def start(self, job: Job) -> None:
        self._ask("startProcess", job.name, True)

    def stop(self, job: Job) -> None:
        self._ask("stopProcess", job.name, True)

    def status(self, job: Job) -> str:
        return str(self._ask("getProcessInfo", job.name)["statename"])

    def close(self) -> None:
        self._connection.close()
        self._stack.close()

    def _serves(self) -> bool:
        try:
            return bool(self._ask("getState"))
        except OSError:
            self._connection.close()
            return False

    def _ask(self, call: str, *arguments: Any) -> Any:
        body = xmlrpc.client.dumps(arguments, f"supervisor.{call}")
        self._connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
        (answer,), _ = xmlrpc.client.loads(self._connection.getresponse().read())
        return answer
