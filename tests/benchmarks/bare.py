"""The bare thing: ``Popen`` with the manager's own flags, and polling for health every 2 ms."""

from __future__ import annotations

import http.client
import subprocess
import time
from types import TracebackType

from actors import recipe
from actors.layout import Layout, make_private_directory
from tests.benchmarks.plan import Plan, free_ports

POLL = 0.002
PATIENCE = 30.0
NO_LOCK = -1
"""The bare thing takes no lock of the directory."""


def serves(port: int) -> bool:
    """Whether PocketBase on ``port`` answers its health check."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_serving(port: int) -> None:
    """Return when PocketBase on ``port`` answers; raise TimeoutError if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not serves(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing serves on port {port}")
        time.sleep(POLL)


class Bare:
    """PocketBases without a manager."""

    def __init__(self, plan: Plan, *, ports: int = 1) -> None:
        root = plan.root / "bare"
        self._binary = plan.binary
        self._layout = Layout(root=root, control=root / ".control")
        self._layout.prepare()
        self._first_port = free_ports(ports)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, user_id: str, offset: int = 0) -> float:
        """Return the seconds from ``Popen`` to the first answer."""
        port = self._first_port + offset
        make_private_directory(self._layout.data(user_id))
        spec = recipe.serve(self._binary, self._layout, user_id, port, lock=NO_LOCK)
        with open(spec.log, "ab") as log:
            began = time.perf_counter()
            self._running[user_id] = subprocess.Popen(
                spec.argv,
                env=spec.env,
                cwd=spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        wait_until_serving(port)
        return time.perf_counter() - began

    def stop(self, user_id: str, *, kill: bool = False) -> None:
        """End the user's PocketBase."""
        child = self._running.pop(user_id)
        if kill:
            child.kill()
        else:
            child.terminate()
        child.wait(PATIENCE)

    def stop_all(self) -> None:
        """End them all."""
        for child in self._running.values():
            child.terminate()
        for child in self._running.values():
            child.wait(PATIENCE)
        self._running.clear()

    def __enter__(self) -> Bare:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()
