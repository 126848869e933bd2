"""``pblm start``, ``stop`` and ``restart``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from api.cli.command import command, confirm, json_option, users_argument
from api.cli.manager import PATIENCE, manager, settings
from api.cli.many import for_each
from bus.answers import InstanceAnswer
from bus.client import BusClient
from bus.instance import Instance
from bus.requests import InitInstance, StopInstance
from bus.states import Status
from bus.subscriber import all_instances

_wait_option = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Return once they run, or at once."
)


@command()
@users_argument
@_wait_option
@json_option
def start(user_ids: Sequence[str], wait: bool, as_json: bool) -> int:
    """Have users' instances running; new users get one."""
    return _start(user_ids, wait=wait, force=False, as_json=as_json)


@command()
@users_argument
@_wait_option
@json_option
def restart(user_ids: Sequence[str], wait: bool, as_json: bool) -> int:
    """Stop users' instances and start them again."""
    return _start(user_ids, wait=wait, force=True, as_json=as_json)


@command()
@users_argument
@click.option("--all", "everybody", is_flag=True, help="Every instance that is not stopped.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before stopping all.")
@json_option
def stop(user_ids: Sequence[str], everybody: bool, yes: bool, as_json: bool) -> int:
    """Have users' instances stopped; their data stays."""
    timeout = 2 * settings().stop_timeout + PATIENCE

    def ask(bus: BusClient, user_id: str) -> Instance | None:
        return bus.ask(StopInstance(user_id=user_id), InstanceAnswer, timeout=timeout).instance

    with manager() as bus:
        if everybody:
            user_ids = _not_stopped(bus)
            if not yes:
                confirm(f"Stop {len(user_ids)} instances?")
        elif not user_ids:
            raise click.UsageError("Name the users, or say --all.")
        return for_each(user_ids, _of(bus, ask), doing="stopping", as_json=as_json)


def _start(user_ids: Sequence[str], *, wait: bool, force: bool, as_json: bool) -> int:
    timeout = settings().start_timeout + 2 * settings().stop_timeout + PATIENCE

    def ask(bus: BusClient, user_id: str) -> Instance | None:
        request = InitInstance(user_id=user_id, wait=wait, force_restart=force)
        return bus.ask(request, InstanceAnswer, timeout=timeout).instance

    if not user_ids:
        raise click.UsageError("Name the users.")
    with manager() as bus:
        return for_each(user_ids, _of(bus, ask), doing="starting", as_json=as_json)


def _of(
    bus: BusClient, ask: Callable[[BusClient, str], Instance | None]
) -> Callable[[str], Instance | None]:
    return lambda user_id: ask(bus, user_id)


def _not_stopped(bus: BusClient) -> list[str]:
    return [key for key, each in all_instances(bus).items() if each.status is not Status.STOPPED]
