"""What ``pblm top`` shows: numbers of the whole fleet, and a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from api.cli.output import COLOURS
from api.cli.words import duration, one_line, percent, size
from bus.answers import FleetAnswer
from bus.instance import Instance
from bus.states import Status
from bus.usage import Usage

Show = Callable[[FleetAnswer, dict[str, Instance], str], None]

HEAD_LINES = 5
"""Lines of the screen that the table's rows do not get."""
PIPE_WIDTH = 200
"""Where there is no terminal, lines are no longer than this."""
COLUMNS = ("USER", "STATUS", "CPU", "MEMORY", "CONN", "DATA", "UPTIME", "RESTARTS", "PORT", "WHY")
NUMBERS = frozenset({"CPU", "MEMORY", "CONN", "DATA", "RESTARTS", "PORT"})


@contextmanager
def screen(*, terminal: bool) -> Iterator[Show]:
    """Yield what shows a look: in place on a terminal, which is left as it was; else below."""
    console = Console(width=None if terminal else PIPE_WIDTH)
    if not terminal:
        yield lambda fleet, instances, sort: console.print(_frame(fleet, instances, sort, None))
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(fleet: FleetAnswer, instances: dict[str, Instance], sort: str) -> None:
            rows = max(1, console.height - HEAD_LINES)
            live.update(_frame(fleet, instances, sort, rows), refresh=True)

        yield show


def _frame(
    fleet: FleetAnswer, instances: dict[str, Instance], sort: str, rows: int | None
) -> Group:
    ordered = sorted(instances.values(), key=lambda each: _rank(each, sort))
    hidden = len(ordered) - len(ordered[:rows])
    return Group(*_head(fleet, hidden), Text(), *_table(ordered[:rows], fleet))


def _table(shown: list[Instance], fleet: FleetAnswer) -> Iterator[Text]:
    lines = [COLUMNS, *(_row(each, fleet) for each in shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for number, line in enumerate(lines):
        text = Text(style="" if number else "bold", no_wrap=True, overflow="ellipsis")
        for name, cell, width in zip(COLUMNS, line, widths, strict=True):
            padded = cell.rjust(width) if name in NUMBERS else cell.ljust(width)
            text.append(f"{padded}  ", COLOURS.get(cell, "") if name == "STATUS" else "")
        yield text


def _head(fleet: FleetAnswer, hidden: int) -> Iterator[Text]:
    counts = Text()
    for status, count in fleet.statuses.items():
        if count or status is Status.RUNNING:
            counts.append(f"{count} {status}  ", style=COLOURS.get(status, ""))
    counts.append(f"of {fleet.wanted} wanted")
    if fleet.starts_under_way or fleet.starts_waiting:
        counts.append(f"; {fleet.starts_under_way} starting, {fleet.starts_waiting} in the queue")
    if hidden:
        counts.append(f"; {hidden} more below", style="dim")
    yield counts
    yield Text(
        f"instances: CPU {percent(fleet.cpu_percent)}, memory {size(fleet.memory_bytes)}, "
        f"{fleet.connections} connections, data {size(fleet.data_bytes)}"
    )
    manager, machine = fleet.manager, fleet.machine
    yield Text(
        f"manager: pid {manager.pid}, CPU {percent(manager.cpu_percent)}, memory "
        f"{size(manager.memory_bytes)}; machine: {machine.cores} cores, "
        f"{size(machine.memory_available_bytes)} of {size(machine.memory_bytes)} memory and "
        f"{size(machine.disk_free_bytes)} disk free"
    )


def _row(each: Instance, fleet: FleetAnswer) -> tuple[str, ...]:
    usage = _usage(each)
    return (
        each.user_id,
        str(each.status),
        percent(usage.cpu_percent),
        size(usage.memory_bytes),
        "-" if usage.connections is None else str(usage.connections),
        size(usage.data_bytes),
        duration(each.started_at, fleet.at) if each.started_at else "-",
        str(each.restarts),
        str(each.port or "-"),
        "" if each.status is Status.RUNNING else one_line(each.reason),
    )


def _rank(each: Instance, sort: str) -> tuple[float, str]:
    usage = _usage(each)
    by = {
        "cpu": usage.cpu_percent,
        "memory": usage.memory_bytes,
        "connections": usage.connections,
        "data": usage.data_bytes,
        "restarts": each.restarts,
    }
    return -(by.get(sort) or 0), each.user_id


def _usage(each: Instance) -> Usage:
    return each.usage if isinstance(each.usage, Usage) else Usage(sampled_at=each.created_at)
