"""``pblm events``: what happened, and what happens."""

from __future__ import annotations

import click

from api.cli.command import command, complete_users, json_option
from api.cli.history import LOOK_BACK, is_about, last_events
from api.cli.manager import check_reachable, manager, settings
from api.cli.output import tell, tell_json_line
from api.cli.words import clock_time, what_happened, whom
from bus.client import BusClient
from bus.events import Event
from bus.subscriber import Snapshot, Subscriber, Update


@command()
@click.argument("user_id", metavar="[USER]", required=False, shell_complete=complete_users)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, LOOK_BACK),
    default=20,
    show_default=True,
    help="How many of the last events to show first.",
)
@json_option
def events(user_id: str | None, follow: bool, lines: int, as_json: bool) -> None:
    """Show what happened lately, to all or to one user."""
    if follow:
        _follow(user_id, lines, as_json)
        return
    with manager() as bus:
        for event in _last(bus, lines, user_id):
            _tell(event, as_json)


def _last(bus: BusClient, lines: int, user_id: str | None) -> list[Event]:
    found = last_events(bus, lines if user_id is None else LOOK_BACK, user_id)
    return found[-lines:] if lines else []


def _follow(user_id: str | None, lines: int, as_json: bool) -> None:
    at = settings()
    check_reachable(at.command_endpoint)
    with Subscriber(
        command_endpoint=at.command_endpoint, event_endpoint=at.event_endpoint
    ) as updates:
        first = updates.receive(at.start_timeout)
        with manager() as bus:
            past = _last(bus, lines, user_id)
        if isinstance(first, Snapshot):
            past = [event for event in past if event.seq <= first.seq]
        for event in past:
            _tell(event, as_json)
        for update in updates:
            _tell_update(update, user_id, as_json)


def _tell_update(update: Update, user_id: str | None, as_json: bool) -> None:
    if isinstance(update, Snapshot):
        if as_json:
            tell_json_line({"event": "snapshot", "epoch": update.epoch, "seq": update.seq})
        else:
            tell(f"-- the manager was started again: {len(update.instances)} instances --")
    elif user_id is None or is_about(update, user_id):
        _tell(update, as_json)


def _tell(event: Event, as_json: bool) -> None:
    if as_json:
        tell_json_line(event)
    else:
        tell(f"{clock_time(event.at)}  {whom(event)}  {what_happened(event)}")
