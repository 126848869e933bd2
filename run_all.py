"""Single-host launcher: settings, actors, bus, API; serves until told to end, closes in reverse."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import queue
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

from actors.doctor import Finding, Level, examine
from actors.heap import share_heap
from actors.priority import go_first
from actors.system import ActorSystem
from api.app import create_app
from api.cli.app import run
from api.cli.house import house_commands
from api.connections import channel_class
from api.live.server import LiveServer
from api.live.wish import PATH
from api.server import ApiServer
from api.systemd import Notifier, Watchdog, watchdog_seconds
from api.wake import wake_servers
from bus.client import BusClient
from bus.hub import Hub
from bus.logs import configure
from bus.metrics import Metrics
from bus.settings import Settings

EXIT_PATIENCE = 10.0
"""Seconds beyond PB_STOP_TIMEOUT (twice: asked, then killed) that the instances get to end."""

LONGEST_TURN = 0.001
"""Seconds that a thread keeps the interpreter for when another wants it. Python's own 5 ms suit
what computes; here somebody waits for whatever a thread does."""

log = logging.getLogger("pblm")


class Door(Protocol):
    """A server: listens from the moment it is made."""

    def start(self) -> None:
        """Serve from now on."""

    def close(self) -> None:
        """End."""


class House:
    """The whole manager on one host."""

    def __init__(self, settings: Settings) -> None:
        """Make everything; raises :class:`PblmError` and leaves nothing behind if a part cannot."""
        self.settings = settings
        with ExitStack() as stack:
            metrics = Metrics()
            self.actors = ActorSystem(settings, metrics)
            stack.callback(self.actors.close)
            self.hub = Hub(
                command_endpoint=settings.command_endpoint,
                event_endpoint=settings.event_endpoint,
                metrics=metrics,
            )
            stack.callback(self.hub.close)
            bus = self.hub.client()
            stack.callback(bus.close)
            api = ApiServer(
                create_app(bus, settings, metrics),
                host=settings.api_host,
                port=settings.api_port,
                channel=channel_class(settings),
                metrics=metrics,
            )
            stack.callback(api.close)
            self._doors: list[Door] = [api]
            for door in _further_doors(bus, settings):
                stack.callback(door.close)
                self._doors.append(door)
            self.systemd = Notifier(os.environ)
            self.watchdog = Watchdog(
                self.systemd, bus, serves=api.is_alive, within=watchdog_seconds(os.environ)
            )
            stack.callback(self.watchdog.close)
            self._closing = stack.pop_all()

    def open(self) -> None:
        """Start the actors, then let callers in."""
        self.actors.start(self.hub.publish)
        self.hub.start(self.actors.handle)
        for door in self._doors:
            door.start()
        self.watchdog.start()
        self.systemd.tell("READY=1")

    def close(self, signals: queue.SimpleQueue[int] | None = None) -> None:
        """Stop the instances and close everything; another signal hurries it."""
        self.systemd.tell("STOPPING=1")
        self.actors.stop_instances()
        deadline = 2 * self.settings.stop_timeout + EXIT_PATIENCE
        waited, step = 0.0, 0.05
        while not self.actors.wait_stopped(step):
            waited += step
            if signals is not None and not signals.empty():
                log.warning("told again to end: killing what has not stopped")
                signals.get()
                self.actors.hurry()
            if waited > deadline:
                log.error("some instances did not stop within %g s", deadline)
                break
        self._closing.close()


def _further_doors(bus: BusClient, settings: Settings) -> Iterator[Door]:
    if settings.live_port is not None:
        yield LiveServer(bus, settings, port=settings.live_port)
    yield from wake_servers(bus, settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    return run(house_commands(serve, _examine), arguments)


def serve(settings: Settings) -> int:
    """Run the manager until SIGINT, SIGTERM or SIGHUP."""
    configure(settings.log_format)
    logging.getLogger("pykka").setLevel(logging.WARNING)
    os.umask(0o077)
    if not go_first(settings.niceness):
        log.debug("PB_NICENESS=%d is not for this process to choose", settings.niceness)
    share_heap()
    sys.setswitchinterval(LONGEST_TURN)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: signals.put(number))
    with _nothing_to_collect():
        house = House(settings)
    try:
        house.open()
        announce(settings)
        for finding in house.actors.examine():
            if finding.level is not Level.OK:
                log.warning("%s: %s; %s", finding.name, finding.what, finding.fix)
        log.info("%s: stopping", signal.Signals(signals.get()).name)
    finally:
        house.close(signals)
    log.info("stopped")
    return 0


@contextlib.contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Make what stays: the collector does not look for garbage in it, then or ever.

    A look takes 40 ms, in a pause, for what is imported alone; the users' records come on top.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _examine(settings: Settings, instances: int) -> Iterator[Finding]:
    return examine(settings, instances=instances)


def announce(settings: Settings) -> None:
    """Say where everything is, if anybody can hear it."""
    live = f"ws://{settings.api_host}:{settings.live_port}{PATH}"
    public = settings.public_url
    lines = (
        f"API        http://{settings.api_host}:{settings.api_port}",
        f"live       {'off' if settings.live_port is None else live}",
        *(() if public is None else (f"door       {public.format('USER')}",)),
        f"commands   {settings.command_endpoint}",
        f"events     {settings.event_endpoint}",
        f"databases  {settings.user_dbs_path}",
    )
    try:
        print("\n".join(lines), flush=True)
    except OSError as error:
        log.warning("nobody hears where everything is: %s", error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end


if __name__ == "__main__":
    sys.exit(main())
