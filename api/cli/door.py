"""``pblm door``: how much was asked for at the door, who was woken, and what sleep saves."""

from __future__ import annotations

import click

from api.cli.command import command, json_option
from api.cli.manager import manager
from api.cli.output import tell, tell_json
from bus.answers import DoorAnswer
from bus.door import DoorUse
from bus.requests import MAX_PAGE, GetDoor

MIB = 1024 * 1024
HEADER = ("user", "requests", "4xx", "5xx", "hits", "p50", "p99", "wakes", "wake p99", "asleep")


@command()
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0, MAX_PAGE),
    default=20,
    show_default=True,
    help="How many of the busiest to name.",
)
@json_option
def door(limit: int, as_json: bool) -> None:
    """Tell how much was asked for at the door, who was woken, and what sleep saves."""
    with manager() as bus:
        answer = bus.ask(GetDoor(limit=limit), DoorAnswer)
    if as_json:
        tell_json(answer.told())
        return
    tell(_about(answer))
    rows = [HEADER, _row("all", answer.use), *(_row(*one) for one in answer.users.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        tell("  ".join(map(str.ljust, row, widths)).rstrip())


def _about(answer: DoorAnswer) -> str:
    saved = answer.memory_saved_bytes
    saves = "" if saved is None else f", which saves {saved / MIB:.0f} MiB"
    return f"door {answer.door}; {answer.asleep} asleep{saves}"


def _row(who: str, use: DoorUse) -> tuple[str, ...]:
    return (
        who,
        _number(use.requests),
        _number(use.errors),
        _number(use.failures),
        "-" if use.hit_rate is None else f"{100 * use.hit_rate:.1f}%",
        _time(use.latency_p50, at_most=True),
        _time(use.latency_p99, at_most=True),
        str(use.wakes),
        _time(use.wake_p99),
        f"{use.asleep_seconds:.0f}s",
    )


def _number(count: int | None) -> str:
    return "-" if count is None else str(count)


def _time(seconds: float | None, *, at_most: bool = False) -> str:
    if seconds is None:
        return "-"
    return f"{'<' if at_most else ''}{1000 * seconds:.0f}ms"
