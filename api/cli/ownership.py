"""``pblm delete``, ``undelete``, ``rename`` and ``clone``: whose an instance is."""

from __future__ import annotations

import click

from api.cli.command import command, confirm, json_option, user_argument
from api.cli.manager import COPY_TIMEOUT, PATIENCE, manager, settings
from api.cli.output import tell, tell_json
from bus.answers import InstanceAnswer
from bus.requests import (
    CloneInstance,
    DeleteInstance,
    RenameInstance,
    UndeleteInstance,
    UserRequest,
)

to_argument = click.argument("to", metavar="NEW_USER")


@command()
@user_argument
@click.option("--purge", is_flag=True, help="Remove the data for good, now.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(user_id: str, purge: bool, yes: bool, as_json: bool) -> None:
    """Stop a user's instance and put its data away."""
    if not yes:
        question = f"Remove the data of {user_id} for good?" if purge else f"Delete {user_id}?"
        confirm(question)
    done = "gone for good" if purge else f"deleted; `pblm undelete {user_id}` brings it back"
    _ask(DeleteInstance(user_id=user_id, purge=purge), f"{user_id} is {done}", as_json)


@command()
@user_argument
@json_option
def undelete(user_id: str, as_json: bool) -> None:
    """Bring the data of a deleted user back; the instance is stopped then."""
    _ask(UndeleteInstance(user_id=user_id), f"{user_id} is back, and stopped", as_json)


@command()
@user_argument
@to_argument
@json_option
def rename(user_id: str, to: str, as_json: bool) -> None:
    """Have a user's instance belong to another user id."""
    _ask(RenameInstance(user_id=user_id, to=to), f"{user_id} is {to} now", as_json)


@command()
@user_argument
@to_argument
@json_option
def clone(user_id: str, to: str, as_json: bool) -> None:
    """Copy a user's data for a new user, with secrets of its own."""
    request = CloneInstance(user_id=user_id, to=to)
    _ask(request, f"{to} is a copy of {user_id}, and stopped", as_json, timeout=COPY_TIMEOUT)


def _ask(request: UserRequest, done: str, as_json: bool, *, timeout: float | None = None) -> None:
    timeout = timeout or 2 * settings().stop_timeout + PATIENCE
    with manager() as bus:
        answer = bus.ask(request, InstanceAnswer, timeout=timeout)
    if as_json:
        tell_json({"user_id": request.user_id, "instance": answer.instance})
    else:
        tell(done)
