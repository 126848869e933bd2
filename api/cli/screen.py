"""What ``pblm top`` shows: numbers of the whole fleet, and a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
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
COLUMNS = ("USER", "STATUS", "CPU", "MEMORY", "CONN", "DATA", "UPTIME", "RESTARTS", "PORT", "WHY")


@contextmanager
def screen(*, terminal: bool) -> Iterator[Show]:
    """Yield what shows a look: in place on a terminal, which is left as it was; else below."""
    console = Console(soft_wrap=not terminal, width=None if terminal else 160)
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
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in COLUMNS:
        number = name in ("CPU", "MEMORY", "CONN", "DATA", "RESTARTS", "PORT")
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for each in ordered[:rows]:
        table.add_row(*_row(each, fleet))
    hidden = len(ordered) - len(ordered[:rows])
    return Group(*_head(fleet, hidden), Text(), table)


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


def _row(each: Instance, fleet: FleetAnswer) -> tuple[str | Text, ...]:
    usage = _usage(each)
    return (
        each.user_id,
        Text(each.status, style=COLOURS.get(each.status, "")),
        percent(usage.cpu_percent),
        size(usage.memory_bytes),
        "-" if usage.connections is None else str(usage.connections),
        size(usage.data_bytes),
        duration(each.started_at, fleet.at) if each.started_at else "-",
        str(each.restarts),
        str(each.port or "-"),
        "" if each.status is Status.RUNNING else one_line(each.reason, 60),
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
