"""A manager of our own: ``run_all.py`` as a subprocess, and a client for its API."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bus.settings import Settings
from tests.benchmarks.plan import Plan
from tests.ports import free_ports

RUN_ALL = Path(__file__).resolve().parents[2] / "run_all.py"
PATIENCE = 60.0
LOOK = 0.05
"""Seconds between two looks at how many run: each takes a millisecond of both from the starts."""


class Api:
    """A client that keeps its connection. Not for sharing between threads."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def call(self, method: str, path: str) -> Any:
        """Return the body of the answer; raise RuntimeError unless it is a success."""
        self._connection.request(method, path)
        response = self._connection.getresponse()
        body = json.loads(response.read())
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {body}")
        return body

    def init(self, user_id: str, query: str = "") -> dict[str, Any]:
        """Have the user's instance running, and return it."""
        instance: dict[str, Any] = self.call("POST", f"/api/users/{user_id}/init_pb{query}")[
            "instance"
        ]
        return instance

    def stop(self, user_id: str) -> None:
        """Have the user's instance stopped."""
        self.call("POST", f"/api/users/{user_id}/stop_pb")

    def instance(self, user_id: str) -> dict[str, Any]:
        """Return the user's instance."""
        found: dict[str, Any] = self.call("GET", f"/api/users/{user_id}/pb_status")["instance"]
        return found

    def running(self) -> int:
        """How many instances are running."""
        return int(self.call("GET", "/health/pb")["running_instances"])

    def hang_up(self) -> None:
        """Let the next call make a new connection."""
        self._connection.close()


class Manager:
    """Runs while the ``with`` block does; its instances end with it."""

    def __init__(self, plan: Plan, *, ports: int = 10, **settings: Any) -> None:
        """``ports`` is how many instances it may have at once; ``settings`` go over its own."""
        self._root = plan.root / "managed"
        self.port = free_ports(1)
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PB_")}
        environ |= {
            "PB_BINARY_PATH": plan.binary,
            "PB_BASE_PORT": str(free_ports(ports)),
            "PB_PORT_RANGE": str(ports),
            "PB_USER_DBS_PATH": str(self._root),
            "PB_API_PORT": str(self.port),
            "PB_LIVE_PORT": "off",
            **settings,
        }
        self.settings = Settings.from_environ(environ)
        self.api = Api(self.port)
        self._environ = environ
        self._log = plan.root / "manager.log"
        self._start()

    def _start(self) -> None:
        with open(self._log, "ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, str(RUN_ALL)],
                env=self._environ,
                cwd=self._root.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the manager without a word; its instances go on."""
        self.api.hang_up()
        self._child.kill()
        self._child.wait()

    def crash(self) -> None:
        """End everything at once, as when the machine's power fails."""
        self.kill()
        _kill_users_of(self._root)

    def launch(self) -> None:
        """Start it again; return when its API answers."""
        self._start()
        self._wait_until_up()

    def end(self) -> None:
        """Have it stop everything and end."""
        self.api.hang_up()
        self._child.terminate()
        self._child.wait(PATIENCE)

    @property
    def pid(self) -> int:
        """The manager's process."""
        return self._child.pid

    def init_all(self, user_ids: list[str]) -> float:
        """Start all these users at once; return the seconds until all of them run."""
        wanted = self.api.running() + len(user_ids)
        began = time.perf_counter()
        for user_id in user_ids:
            self.api.init(user_id, "?wait=0")
        while self.api.running() < wanted:
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(f"{self.api.running()} of {wanted} run after {PATIENCE:g} s")
            time.sleep(LOOK)
        return time.perf_counter() - began

    def stop_all(self, user_ids: list[str]) -> None:
        """Stop all these users."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda user_id: Api(self.port).stop(user_id), user_ids))

    def await_seeds(self) -> None:
        """Return when data directories for new users are ready."""
        deadline = time.monotonic() + PATIENCE
        while len(list(self.settings.control_path.glob("nursery/*/seed.*"))) < self.settings.seeds:
            if time.monotonic() > deadline:
                raise TimeoutError("there are no seeds")
            time.sleep(0.05)

    def await_spares(self, count: int) -> None:
        """Return when so many spares were ready, since the manager was started."""
        deadline = time.monotonic() + PATIENCE
        while self._log.read_text().count(" is a spare: ") < count:
            if time.monotonic() > deadline:
                raise TimeoutError("there is no spare")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        try:
            self._wait_until_up()
            self.await_seeds()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._child.poll() is None and time.monotonic() < deadline:
            try:
                self.api.running()
                return
            except (OSError, RuntimeError):  # nobody listens, or has not got to it within 2 s
                self.api.hang_up()
                time.sleep(0.02)
        raise RuntimeError(f"the manager does not come up: {self._log.read_text()}")

    def _end(self) -> None:
        try:
            self.end()
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        _kill_users_of(self._root)


def _kill_users_of(root: Path) -> None:
    """Kill what a manager that died has left behind: what was launched on our own directory."""
    ours = f"--dir={root}/".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(
                part.startswith(ours) for part in (folder / "cmdline").read_bytes().split(b"\0")
            ):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue
