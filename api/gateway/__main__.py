"""``python -m api.gateway``: the built-in door's process. The manager starts it, with PB_DOOR."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from aiohttp import web

from api.gateway.proxy import Options, Proxy


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m api.gateway", description=__doc__)
    for name in ("host", "domain", "superusers"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "requests", "connections", "wakes", "body-mib"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("wake", "ready"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> None:
    """Serve until told to end; the file ``ready`` tells that it does."""
    proxy = Proxy(
        Options(
            domain=given.domain,
            wake=given.wake,
            requests=given.requests,
            connections=given.connections,
            wakes=given.wakes,
            most_bytes=given.body_mib * 1024 * 1024,
            superusers=given.superusers == "allow",
        )
    )
    server = web.Server(proxy.serve, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, given.host, given.port).start()
    given.ready.touch()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()
    await runner.cleanup()
    await proxy.close()


if __name__ == "__main__":
    asyncio.run(serve(read_options()))
