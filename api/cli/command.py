"""What commands are made of: the command itself, and the arguments that many have."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from api.cli.exits import exit_of
from api.cli.manager import manager
from api.cli.output import tell_error
from bus.errors import PblmError
from bus.subscriber import all_instances

_F = TypeVar("_F", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON instead, for scripts."
)


class Command(click.Command):
    """A command; an error of the manager's ends it with one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except PblmError as error:
            tell_error(error, as_json=bool(ctx.params.get("as_json")))
            ctx.exit(exit_of(error))


def command(name: str | None = None) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function; its docstring is the help."""
    return click.command(name, cls=Command)


def complete_users(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the user ids that begin so, for the shell; none when no manager answers."""
    try:
        with manager(timeout=1.0) as bus:
            return [user_id for user_id in all_instances(bus) if user_id.startswith(incomplete)]
    except (PblmError, click.ClickException):
        return []


user_argument = click.argument("user_id", metavar="USER", shell_complete=complete_users)
users_argument = click.argument(
    "user_ids", metavar="USER...", nargs=-1, shell_complete=complete_users
)


def confirm(question: str) -> None:
    """Ask on the terminal; leave the command unless the answer is yes, or nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Say --yes: there is no terminal to ask.")
    click.confirm(question, abort=True, err=True)


def wants_no_colour() -> bool:
    """Whether the environment asks for plain text (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
