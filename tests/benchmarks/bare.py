"""The bare thing: ``Popen`` of PocketBase as it comes, and polling for health every 2 ms."""

from __future__ import annotations

import http.client
import subprocess
import time
from pathlib import Path
from types import TracebackType

from actors.layout import Layout, make_private_directory
from tests.benchmarks.plan import Plan
from tests.ports import free_ports

POLL = 0.002
PATIENCE = 30.0


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
        self._empty = root / "empty"
        make_private_directory(self._empty)
        self.port = free_ports(ports)
        """The first one's; the next one's is the next."""
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, user_id: str, offset: int = 0) -> float:
        """Return the seconds from ``Popen`` to the first answer."""
        port = self.port + offset
        make_private_directory(self._layout.data(user_id))
        data = self._layout.data(user_id)
        with open(self._layout.log(user_id), "ab") as log:
            began = time.perf_counter()
            self._running[user_id] = subprocess.Popen(
                self._command(data, port),
                env={"PATH": "", "HOME": str(data)},
                cwd=data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        wait_until_serving(port)
        return time.perf_counter() - began

    def _command(self, data: Path, port: int) -> list[str]:
        """PocketBase as it comes: no template, no bootstrap."""
        return [
            self._binary,
            "serve",
            f"--http=127.0.0.1:{port}",
            f"--dir={data}",
            f"--migrationsDir={self._empty}",
            f"--hooksDir={self._empty}",
            f"--publicDir={self._empty}",
            "--automigrate=0",
            "--hooksWatch=0",
            "--dev=0",
        ]

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
