"""What a command writes: text for people, JSON for scripts, colours on a terminal only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from bus.errors import PblmError
from bus.states import Status

COLOURS: dict[str, str] = {
    Status.RUNNING: "green",
    Status.STARTING: "cyan",
    Status.STOPPING: "cyan",
    Status.STOPPED: "bright_black",
    Status.FAILED: "red",
}
"""How a status is shown; one without an entry is shown plainly."""


def tell(text: str) -> None:
    """Write a line for people."""
    click.echo(text)


def tell_as_it_is(text: str) -> None:
    """Write text that has its own ends of lines; control codes in it do nothing to a terminal."""
    plain = (each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
    click.echo("".join(plain), nl=False)


def tell_json(document: Any) -> None:
    """Write one JSON document, indented."""
    click.echo(msgspec.json.format(_encode(document), indent=2))


def tell_json_line(document: Any) -> None:
    """Write one JSON document on a line of its own: one of many."""
    click.echo(_encode(document))


def tell_error(error: PblmError, *, as_json: bool = False) -> None:
    """Write ``error`` to standard error; as JSON it has the body of the HTTP API's errors."""
    if not as_json:
        click.echo(f"pblm: {error.message}", err=True)
        return
    body = {
        "success": False,
        "code": error.code,
        "message": error.message,
        "instance": error.instance,
    }
    click.echo(_encode(body), err=True)


def coloured(status: str, width: int = 0) -> str:
    """Return a status in its colour, at least ``width`` wide; without colour off a terminal."""
    return click.style(status.ljust(width), fg=COLOURS.get(status))


def tell_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write aligned columns; a column called STATUS is coloured, and the last one is not padded."""
    lines = [heading, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    widths[-1] = 0
    click.echo(_line(heading, widths, bold=True))
    status = heading.index("STATUS") if "STATUS" in heading else None
    for row in rows:
        click.echo(_line(row, widths, status=status))


def _line(
    cells: Sequence[str], widths: Sequence[int], *, bold: bool = False, status: int | None = None
) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    if status is not None:
        padded[status] = coloured(cells[status], widths[status])
    line = "  ".join(padded).rstrip()
    return click.style(line, bold=True) if bold else line


def _encode(document: Any) -> str:
    return msgspec.json.encode(document).decode()
