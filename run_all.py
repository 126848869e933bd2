"""Single-host launcher: settings, actors, bus, API; serves until told to end, closes in reverse."""

from __future__ import annotations

import argparse
import logging
import os
import queue
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from actors.doctor import Level, examine
from actors.system import ActorSystem
from api.app import create_app
from api.server import ApiServer
from bus.errors import PblmError
from bus.hub import Hub
from bus.settings import Settings

EXIT_PATIENCE = 10.0
"""Seconds beyond PB_STOP_TIMEOUT (twice: asked, then killed) that the instances get to end."""

log = logging.getLogger("pblm")


class House:
    """The whole manager on one host."""

    def __init__(self, settings: Settings) -> None:
        """Make everything; raises :class:`PblmError` and leaves nothing behind if a part cannot."""
        self.settings = settings
        with ExitStack() as stack:
            self.actors = ActorSystem(settings)
            stack.callback(self.actors.close)
            self.hub = Hub(
                command_endpoint=settings.command_endpoint, event_endpoint=settings.event_endpoint
            )
            stack.callback(self.hub.close)
            bus = self.hub.client()
            stack.callback(bus.close)
            self.api = ApiServer(
                create_app(bus, settings), host=settings.api_host, port=settings.api_port
            )
            stack.callback(self.api.close)
            self._closing = stack.pop_all()

    def open(self) -> None:
        """Start the actors, then let callers in."""
        self.actors.start(self.hub.publish)
        self.hub.start(self.actors.handle)
        self.api.start()

    def close(self, signals: queue.SimpleQueue[int] | None = None) -> None:
        """Stop the instances and close everything; another signal hurries it."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="pblm", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="run the manager (the default)")
    doctor = commands.add_parser("doctor", help="tell what of this machine stands in the way")
    doctor.add_argument("--instances", type=int, default=100, help="how many are to run at a time")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_environ(os.environ)
        if options.command == "doctor":
            return tell_findings(settings, options.instances)
        return serve(settings)
    except PblmError as error:
        print(f"pblm: {error.message}", file=sys.stderr)
        return 1


def serve(settings: Settings) -> int:
    """Run the manager until SIGINT, SIGTERM or SIGHUP."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("pykka").setLevel(logging.WARNING)
    os.umask(0o077)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: signals.put(number))
    house = House(settings)
    for finding in house.actors.examine():
        if finding.level is not Level.OK:
            log.warning("%s: %s; %s", finding.name, finding.what, finding.fix)
    try:
        house.open()
        announce(settings)
        log.info("%s: stopping", signal.Signals(signals.get()).name)
    finally:
        house.close(signals)
    log.info("stopped")
    return 0


def tell_findings(settings: Settings, instances: int) -> int:
    """Print what the doctor finds; return 1 when something must be mended first."""
    worst = Level.OK
    for finding in examine(settings, instances=instances):
        print(f"{finding.level:<8} {finding.name:<12} {finding.what}")
        if finding.fix:
            print(f"{'':<21} -> {finding.fix}")
        worst = max(worst, finding.level, key=list(Level).index)
    return 1 if worst is Level.ERROR else 0


def announce(settings: Settings) -> None:
    """Say where everything is, if anybody can hear it."""
    lines = (
        f"API        http://{settings.api_host}:{settings.api_port}",
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
