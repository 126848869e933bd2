"""``pblm cluster``: the hosts that share their users."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from api.cli.command import Command, json_option, user_argument
from api.cli.exits import Exit
from api.cli.firewall import firewall as rules
from api.cli.manager import COPY_TIMEOUT, manager, settings
from api.cli.output import tell, tell_json, tell_table
from api.cli.words import size
from bus.answers import ClusterAnswer, ClusterHost, DrillAnswer, MovesAnswer, PlaceAnswer
from bus.client import BusClient
from bus.errors import BackupError
from bus.requests import (
    DrainHost,
    GetCluster,
    MoveInstance,
    RebalanceHost,
    Request,
    VerifyReplica,
)
from bus.subscriber import all_instances

HEADING = ("HOST", "IS", "USERS", "WEIGHT", "VERSION", "API")


@click.group()
def cluster() -> None:
    """Look after the hosts that share their users."""


@cluster.command(cls=Command)
@json_option
def status(as_json: bool) -> None:
    """Tell which hosts there are, how they are, and how many users each has."""
    with manager() as bus:
        answer = bus.ask(GetCluster(), ClusterAnswer)
    if as_json:
        tell_json(answer)
        return
    tell_table(HEADING, [_row(name, each, answer.host) for name, each in answer.hosts.items()])
    states = ", ".join(f"{count} {state}" for state, count in sorted(answer.states.items()))
    tell(f"{answer.users} users" + (f": {states}" if states else ""))
    for user_id, problem in answer.problems.items():
        tell(f"{user_id} needs a person: {problem}")
    for warning in answer.warnings:
        tell(f"warning: {warning}")


host_argument = click.argument("host", metavar="HOST")


@cluster.command(cls=Command)
@host_argument
@click.option("--off", is_flag=True, help="Have it take users again, instead.")
@json_option
def drain(host: str, off: bool, as_json: bool) -> None:
    """Have a host get nobody new, and hand over whom it has; before it is stopped for long."""
    _begin(DrainHost(host=host, off=off), host, as_json)


@cluster.command(cls=Command)
@host_argument
@json_option
def rebalance(host: str, as_json: bool) -> None:
    """Have a host hand over those users who belong elsewhere; after another one was added."""
    _begin(RebalanceHost(host=host), host, as_json)


@cluster.command(cls=Command)
@user_argument
@host_argument
@json_option
def move(user_id: str, host: str, as_json: bool) -> None:
    """Have another host own a user, with nothing lost."""
    with manager() as bus:
        request = MoveInstance(user_id=user_id, host=host)
        place = bus.ask(request, PlaceAnswer, timeout=COPY_TIMEOUT)
    if as_json:
        tell_json(place)
    else:
        tell(f"{user_id} is on {place.host} now: {place.state}")


@cluster.command(cls=Command)
@click.argument("user_ids", metavar="[USER]...", nargs=-1)
@json_option
def verify(user_ids: tuple[str, ...], as_json: bool) -> int:
    """Restore the replicas of users, or of all, and check what came out; for every night."""
    told: dict[str, DrillAnswer | str] = {}
    with manager() as bus:
        for user_id in user_ids or tuple(all_instances(bus)):
            told[user_id] = _verify(bus, user_id)
            if not as_json:
                tell(f"{user_id}: {_drill(told[user_id])}")
    bad = [user_id for user_id, each in told.items() if isinstance(each, str)]
    if as_json:
        tell_json({"replicas": told, "failed": bad})
    return Exit.FAILED if bad else Exit.OK


@cluster.command(cls=Command)
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
def firewall(addresses: tuple[str, ...]) -> None:
    """Write rules that let nobody but the hosts, and who is at ADDRESS, reach this one's instances.

    For `nft -f -`, as root. A network (10.0.0.0/24) is an address, too.
    """
    with manager() as bus:
        hosts = bus.ask(GetCluster(), ClusterAnswer).hosts.values()
    known = [found for host in hosts if (found := urlsplit(host.http or "").hostname)]
    try:
        tell(rules(settings(), [*known, *addresses]).rstrip())
    except ValueError as error:
        raise click.UsageError(f"ADDRESS takes an IP address or a network: {error}") from error


def _verify(bus: BusClient, user_id: str) -> DrillAnswer | str:
    """Return what came out, or why nothing did. A user who is not replicated is no failure."""
    try:
        return bus.ask(VerifyReplica(user_id=user_id), DrillAnswer, timeout=COPY_TIMEOUT)
    except BackupError as error:
        return error.message


def _drill(drill: DrillAnswer | str) -> str:
    if isinstance(drill, str):
        return drill
    return f"well, {drill.rows} rows, {size(drill.database_bytes)}, in {drill.seconds:.1f} s"


def _begin(request: Request, host: str, as_json: bool) -> None:
    with manager() as bus:
        users = bus.ask(request, MovesAnswer).users
    if as_json:
        tell_json({"host": host, "users": users})
    else:
        tell(f"host {host}: {going(len(users))}; see `pblm cluster status`")


def going(users: int) -> str:
    """Return how many users leave a host."""
    if users < 2:
        return "1 user leaves" if users else "nobody leaves"
    return f"{users} users leave, a few at a time"


def _row(name: str, host: ClusterHost, here: str) -> tuple[str, ...]:
    return (
        f"{name} *" if name == here else name,
        _how(host),
        str(host.users),
        "-" if host.capacity is None else str(host.capacity),
        host.version or "-",
        host.http or "-",
    )


def _how(host: ClusterHost) -> str:
    if not host.member:
        return "lost"
    if not host.heard:
        return "silent"
    return "draining" if host.draining else "well"
