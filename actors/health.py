"""What a probe is: whether a process owns its port, and whether PocketBase answers."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from actors.clock import LoopClock
from actors.services import Process

CHECK_TIMEOUT = 3.0
"""How long a health check waits for an answer, in seconds."""
FAST_POLLS = 200
FAST_POLL = 0.002
SLOW_POLL = 0.025
"""Seconds between looks at a starting instance: fast at first (a start takes 20-100 ms)."""

_thread = threading.local()


def check_health(port: int, *, method: str = "OPTIONS", timeout: float = CHECK_TIMEOUT) -> None:
    """Raise :class:`requests.RequestException` unless PocketBase on ``port`` answers its health.

    ``OPTIONS`` leaves no row in the user's own request log, where ``GET`` and ``HEAD`` leave one.
    """
    session = getattr(_thread, "session", None)
    if session is None:
        session = _thread.session = requests.Session()
        session.trust_env = False  # no proxy stands between us and loopback
        session.headers = {"Connection": "close", "User-Agent": "pblm"}
    response = session.request(
        method, f"http://127.0.0.1:{port}/api/health", timeout=timeout, allow_redirects=False
    )
    response.raise_for_status()


def owns_port(pid: int, port: int) -> bool:
    """Whether the process listens on loopback ``port`` itself (Linux: /proc/net/tcp, proc(5))."""
    inode = _listening_inode(port)
    if inode is None:
        return False
    target = f"socket:[{inode}]"
    folder = f"/proc/{pid}/fd"
    try:
        return any(_link(f"{folder}/{fd}") == target for fd in os.listdir(folder))
    except OSError:
        return False


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _listening_inode(port: int) -> str | None:
    local = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1] == local and fields[3] == "0A":
                return fields[9]
    return None


class HealthChecker:
    """Runs the probes, so that no actor waits for an answer."""

    def __init__(self, clock: LoopClock, *, threads: int) -> None:
        """``threads`` probes run at once; the rest wait their turn."""
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="health")

    def check(self, port: int, report: Callable[[str | None], None]) -> None:
        """Call ``report`` with what is wrong with the instance on ``port``, or None."""

        def run() -> None:
            try:
                check_health(port)
            except requests.RequestException as error:
                report(f"{type(error).__name__} after {CHECK_TIMEOUT:g} s at most")
            else:
                report(None)

        self._pool.submit(run)

    def await_ready(self, process: Process, port: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` once the process owns ``port`` and answers; never if it exits before."""
        self._clock.run(self._await_ready(process, port, ready))

    def close(self) -> None:
        """End the threads, after the probes under way."""
        self._pool.shutdown(cancel_futures=True)

    async def _await_ready(self, process: Process, port: int, ready: Callable[[], None]) -> None:
        polls = 0
        while not process.exited:
            if await _connects(port) and await self._is_ready(process, port):
                ready()
                return
            await asyncio.sleep(FAST_POLL if polls < FAST_POLLS else SLOW_POLL)
            polls += 1

    async def _is_ready(self, process: Process, port: int) -> bool:
        def look() -> bool:
            try:
                check_health(port, method="GET")
            except requests.RequestException:
                return False
            return owns_port(process.pid, port)

        return await asyncio.get_running_loop().run_in_executor(self._pool, look)


async def _connects(port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
