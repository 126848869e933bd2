"""``pblm logs``: what a user's PocketBase wrote."""

from __future__ import annotations

import click

from api.cli.command import command, json_option, user_argument
from api.cli.manager import manager
from api.cli.output import tell_as_it_is, tell_json_line
from bus.answers import LogAnswer
from bus.requests import MAX_LOG_LINES, MAX_LOG_WAIT, ReadLog

PATIENCE = 5.0
"""Seconds that the manager is given for an answer beyond what it is to wait."""


@command()
@user_argument
@click.option("-f", "--follow", is_flag=True, help="Go on with what it writes from now on.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, MAX_LOG_LINES),
    default=100,
    show_default=True,
    help="How many of the last lines to show first.",
)
@json_option
def logs(user_id: str, follow: bool, lines: int, as_json: bool) -> None:
    """Show what a user's PocketBase wrote to its output."""
    with manager() as bus:
        answer = bus.ask(ReadLog(user_id=user_id, lines=lines), LogAnswer)
        _tell(answer, as_json)
        while follow:
            request = ReadLog(user_id=user_id, cursor=answer.cursor, wait_seconds=MAX_LOG_WAIT)
            answer = bus.ask(request, LogAnswer, timeout=MAX_LOG_WAIT + PATIENCE)
            _tell(answer, as_json)


def _tell(answer: LogAnswer, as_json: bool) -> None:
    if as_json:
        for line in answer.text.splitlines():
            tell_json_line({"user_id": answer.user_id, "line": line})
    else:
        tell_as_it_is(answer.text)
