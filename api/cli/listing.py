"""``pblm ls`` and ``pblm status``: what there is, and how one instance is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import click

from api.cli.command import command, json_option, user_argument
from api.cli.manager import manager
from api.cli.output import tell, tell_json, tell_table
from api.cli.portrait import portrait
from api.cli.words import duration, one_line, percent, size
from bus.answers import HealthAnswer, HistoryAnswer, InstanceAnswer
from bus.errors import NotFound
from bus.instance import Instance
from bus.requests import GetHealth, GetHistory, GetInstance
from bus.states import Status
from bus.subscriber import whole_fleet
from bus.usage import Usage

LATELY = 10
"""How many transitions are told."""
HEADING = ("USER", "STATUS", "PORT", "PID", "CPU", "MEMORY", "UPTIME", "RESTARTS", "WHY")


@command()
@click.option(
    "--status",
    type=click.Choice([*Status], case_sensitive=False),
    help="Only those with this status.",
)
@json_option
def ls(status: str | None, as_json: bool) -> None:
    """List the instances."""
    with manager() as bus:
        found, unreachable = whole_fleet(bus, usage=True)
        health = bus.ask(GetHealth(), HealthAnswer)
    instances = {key: each for key, each in found.items() if status in (None, each.status)}
    if as_json:
        named = {"unreachable_hosts": unreachable} if unreachable else {}
        tell_json({"instances": instances, "count": len(instances)} | named)
        return
    _tell_table([*instances.values()], health.at)
    for line in fenced(health):
        tell(line)
    for host in unreachable:
        tell(f"host {host} does not answer: its instances are not in the list")


def fenced(health: HealthAnswer) -> Iterator[str]:
    """Yield of each host that may run nobody now why that is."""
    for host, each in (health.hosts or {}).items():
        if each.fenced is not None:
            yield f"host {host} runs nobody now: {each.fenced}"


def _tell_table(instances: list[Instance], now: datetime) -> None:
    """With the host of each, where there are several."""
    if any(each.host for each in instances):
        heading = (HEADING[0], "HOST", *HEADING[1:])
        rows = [(row[0], each.host or "-", *row[1:]) for each, row in _rows(instances, now)]
        tell_table(heading, rows)
    else:
        tell_table(HEADING, [row for _, row in _rows(instances, now)])


def _rows(instances: list[Instance], now: datetime) -> Iterator[tuple[Instance, tuple[str, ...]]]:
    for each in instances:
        yield each, _row(each, now)


def _row(each: Instance, now: datetime) -> tuple[str, ...]:
    usage = each.usage if isinstance(each.usage, Usage) else None
    return (
        each.user_id,
        str(each.status),
        str(each.port or "-"),
        str(each.pid or "-"),
        percent(usage.cpu_percent if usage else None),
        size(usage.memory_bytes if usage else None),
        duration(each.started_at, now) if each.started_at else "-",
        str(each.restarts),
        "" if each.status is Status.RUNNING else one_line(each.reason),
    )


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
        past = bus.ask(GetHistory(user_id=user_id), HistoryAnswer).transitions
    if as_json:
        tell_json({"user_id": user_id, "instance": instance, "history": past})
        return
    for line in portrait(instance, now, past[-LATELY:]):
        tell(line)
