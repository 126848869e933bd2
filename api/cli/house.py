"""``pblm serve`` and ``pblm doctor``: the commands that need the whole house.

What they do is handed in by who may know the house; see ``pblm.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import click

from api.cli.command import command, json_option
from api.cli.exits import Exit
from api.cli.manager import settings
from api.cli.output import tell, tell_error, tell_json
from bus.errors import PblmError
from bus.settings import Settings

LEVELS = {"ok": "green", "warning": "yellow", "error": "red"}
"""How bad a finding can be, and how that is shown."""


class Finding(Protocol):
    """What was found about one thing of the machine."""

    @property
    def name(self) -> str:
        """What was looked at."""

    @property
    def level(self) -> str:
        """One of :data:`LEVELS`."""

    @property
    def what(self) -> str:
        """What was found."""

    @property
    def fix(self) -> str:
        """What to do about it; empty when it is well."""


Serve = Callable[[Settings], int]
Examine = Callable[[Settings, int], Iterable[Finding]]


def house_commands(serve: Serve, examine: Examine) -> dict[str, click.Command]:
    """Return the commands; ``examine`` takes how many instances are to run at a time."""
    return {"serve": _serve_command(serve), "doctor": _doctor_command(examine)}


def _serve_command(run: Serve) -> click.Command:
    @command()
    def serve() -> int:
        """Run the manager (the default)."""
        try:
            return run(settings())
        except PblmError as error:
            tell_error(error)
            return Exit.FAILED  # whatever it was: it does not serve

    return serve


def _doctor_command(examine: Examine) -> click.Command:
    @command()
    @click.option(
        "--instances",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        help="How many are to run at a time.",
    )
    @json_option
    def doctor(instances: int, as_json: bool) -> int:
        """Tell what of this machine stands in the way, and how to mend it."""
        found = list(examine(settings(), instances))
        if as_json:
            tell_json([_as_json(finding) for finding in found])
        else:
            _tell_findings(found)
        bad = any(finding.level == "error" for finding in found)
        return Exit.FAILED if bad else Exit.OK

    return doctor


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "level": finding.level,
        "what": finding.what,
        "fix": finding.fix,
    }


def _tell_findings(found: Iterable[Finding]) -> None:
    for finding in found:
        level = click.style(f"{finding.level:<8}", fg=LEVELS[finding.level])
        tell(f"{level} {finding.name:<12} {finding.what}")
        if finding.fix:
            tell(f"{'':<21} -> {finding.fix}")
