"""``pblm ls`` and ``pblm status``: what there is, and how one instance is."""

from __future__ import annotations

from collections.abc import Iterator

import click

from api.cli.command import command, json_option, user_argument
from api.cli.history import LOOK_BACK, last_events
from api.cli.manager import manager
from api.cli.output import tell, tell_json, tell_table
from api.cli.portrait import portrait
from api.cli.words import duration, one_line
from bus.answers import HealthAnswer, InstanceAnswer, InstancesAnswer
from bus.client import BusClient
from bus.errors import NotFound
from bus.instance import Instance
from bus.requests import MAX_PAGE, GetHealth, GetInstance, ListInstances
from bus.states import Status

HEADING = ("USER", "STATUS", "PORT", "PID", "UPTIME", "RESTARTS", "WHY")


@command()
@click.option(
    "--status",
    type=click.Choice([*Status], case_sensitive=False),
    help="Only those with this status.",
)
@json_option
def ls(status: str | None, as_json: bool) -> None:
    """List the instances."""
    wanted = None if status is None else Status(status)
    with manager() as bus:
        instances = {each.user_id: each for each in every_instance(bus, wanted)}
        now = bus.ask(GetHealth(), HealthAnswer).at
    if as_json:
        tell_json({"instances": instances, "count": len(instances)})
        return
    rows = [
        (
            each.user_id,
            str(each.status),
            str(each.port or "-"),
            str(each.pid or "-"),
            duration(each.started_at, now) if each.started_at else "-",
            str(each.restarts),
            "" if each.status is Status.RUNNING else one_line(each.reason),
        )
        for each in instances.values()
    ]
    tell_table(HEADING, rows)


@command()
@user_argument
@json_option
def status(user_id: str, as_json: bool) -> None:
    """Tell how a user's instance is, why, and what happened before."""
    with manager() as bus:
        instance = bus.ask(GetInstance(user_id=user_id), InstanceAnswer).instance
        if instance is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")
        now = bus.ask(GetHealth(), HealthAnswer).at
        past = last_events(bus, LOOK_BACK, user_id)[-10:]
    if as_json:
        tell_json({"user_id": user_id, "instance": instance, "events": past})
        return
    for line in portrait(instance, now, past):
        tell(line)


def every_instance(bus: BusClient, status: Status | None = None) -> Iterator[Instance]:
    """Yield all instances (with this status), page by page."""
    after: str | None = ""
    while after is not None:
        request = ListInstances(status=status, limit=MAX_PAGE, after=after)
        page = bus.ask(request, InstancesAnswer)
        yield from page.instances.values()
        after = page.next
