"""``pblm top``: the fleet, live."""

from __future__ import annotations

import sys
import threading

import click

from api.cli.command import command, json_option
from api.cli.manager import manager
from api.cli.output import tell_json_line
from bus.answers import FleetAnswer
from bus.client import BusClient
from bus.instance import Instance
from bus.requests import GetFleet
from bus.subscriber import all_instances

SORTS = ("cpu", "memory", "connections", "data", "restarts", "user")


@command()
@click.option(
    "-d",
    "--delay",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("-n", "--count", type=click.IntRange(min=1), help="End after so many looks.")
@click.option(
    "--sort", type=click.Choice(SORTS), default="cpu", show_default=True, help="What comes first."
)
@json_option
def top(delay: float, count: int | None, sort: str, as_json: bool) -> None:
    """Watch what the instances take of the machine; once where there is no terminal."""
    terminal = sys.stdout.isatty() and not as_json
    if count is None and not terminal:
        count = 1
    pause = threading.Event()
    with manager() as bus:
        if as_json:
            for number in range(count or 1):
                if number:
                    pause.wait(delay)
                fleet, instances = _look(bus)
                tell_json_line({"fleet": fleet.told(), "instances": instances})
            return
        _show(bus, count, delay, sort, pause, terminal=terminal)


def _show(
    bus: BusClient,
    count: int | None,
    delay: float,
    sort: str,
    pause: threading.Event,
    *,
    terminal: bool,
) -> None:
    from api.cli.screen import screen  # only now: rich takes longer to load than all the rest

    with screen(terminal=terminal) as show:
        shown = 0
        while True:
            show(*_look(bus), sort)
            shown += 1
            if count is not None and shown >= count:
                return
            pause.wait(delay)


def _look(bus: BusClient) -> tuple[FleetAnswer, dict[str, Instance]]:
    return bus.ask(GetFleet(), FleetAnswer), all_instances(bus, usage=True)
