"""A manager of our own: ``run_all.py`` as a process that can be killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.errors import Overdue, Violation
from tests.chaos.patience import wait_until
from tests.chaos.rest import Rest

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


class Manager:
    """One manager after the other on the same directory, with the same settings."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        """``settings`` are the variables of the environment that begin with ``PB_``."""
        self.log = log
        self.starts = 0
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._api = Rest(int(settings["PB_API_PORT"]), timeout=30)

    @property
    def pid(self) -> int:
        """The process of the manager that runs now."""
        assert self._process is not None
        return self._process.pid

    def launch(self, extra: Mapping[str, str] | None = None) -> None:
        """Start a manager, without waiting until it is up."""
        self.starts += 1
        self._process = self.popen(extra or {})

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Start a manager, and wait until its API answers."""
        self.launch(extra)
        wait_until("the manager's API answers", self.is_up, PATIENCE, poll=0.01)

    def popen(self, extra: Mapping[str, str], *, output: int | None = None) -> Any:
        """Run one more manager, which is the caller's to end."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PB_")}
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [sys.executable, str(REPOSITORY / "run_all.py")],
                env=environ | self._settings | dict(extra),
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if output is None else output,
                start_new_session=True,
            )

    def is_up(self) -> bool:
        """Whether the API answers; raises :class:`Violation` when the manager has ended."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise Violation(f"the manager ended by itself: {self._process.returncode}")
        try:
            return self.call("GET", "/health/pb")[0] == 200
        except ConnectionError:
            return False

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask its API; what changes nothing is asked again when the kept connection was closed."""
        try:
            return self._api.call(method, path, body)
        except ConnectionError:
            if method != "GET":
                raise
            return self._api.call(method, path, body)

    def instances(self) -> dict[str, dict[str, Any]]:
        """What ``pb_instances`` says; raises ConnectionError when nobody answers."""
        status, body = self.call("GET", "/api/pb_instances")
        if status != 200:
            raise ConnectionError(f"pb_instances: {status} {body}")
        found: dict[str, dict[str, Any]] = body["instances"]
        return found

    def kill(self) -> None:
        """End it as a power switch would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._api.close()

    def terminate(self) -> None:
        """Ask it to end, and see that it does so in order (SIGTERM)."""
        assert self._process is not None
        self._process.terminate()
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise Overdue(f"the manager did not end within {PATIENCE:g} s") from error
        self._api.close()
        if status != 0:
            raise Violation(f"the manager ended with status {status} when asked to end")

    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def last_lines(self, count: int = 40) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])
