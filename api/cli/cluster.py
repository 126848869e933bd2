"""``pblm cluster``: the hosts that share their users."""

from __future__ import annotations

import click

from api.cli.command import Command, json_option
from api.cli.manager import manager
from api.cli.output import tell, tell_json, tell_table
from bus.answers import ClusterAnswer, ClusterHost
from bus.requests import GetCluster

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
