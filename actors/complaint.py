"""What PocketBase says at its end: of a template, which file and line; or its last words. Pure."""

from __future__ import annotations

import re

from actors.proc import ExitStatus
from bus.causes import Cause
from bus.errors import ProcessError

FILE = re.compile(
    r"(?:failed to (?:apply|run) migration (?P<migration>\S+\.js):"
    r"|failed to execute (?P<hook>\S+\.pb\.js):\s*(?:- )?)"
    r"\s*(?P<what>[^\n]*)"
)
LINE = re.compile(r"pb\.js:(?: Line )?(?P<line>\d+)(?::\d+)?(?:\(\d+\))?")
"""Every script is called ``pb.js`` there (PocketBase 0.36.9, 0.39.11 and 0.40.6)."""
NOISE = re.compile(r"(?: at)? /[^\n:]*/pb\.js:\d+:\d+\(\d+\)|/[^\n:]*/pb\.js: Line \d+:\d+ ")


SHOWN_OUTPUT = 1000
"""How much of a process's last output stands in a reason, in characters."""


def last_words(output: str) -> str:
    """Return of a process's last ``output`` what stands in the reason of its failure."""
    return template_fault(output) or output[-SHOWN_OUTPUT:] or "it wrote nothing"


def template_fault(output: str) -> str | None:
    """Return ``FILE, line N: MESSAGE`` where ``output`` names a migration or hook that failed.

    The line is left out where PocketBase does not tell it: an error of its own that a script did
    not catch has none.
    """
    found = FILE.search(output)
    if found is None:
        return None
    migration, hook, what = found.group("migration", "hook", "what")
    file = f"pb_migrations/{migration}" if migration else f"pb_hooks/{hook}"
    line = LINE.search(what)
    where = file if line is None else f"{file}, line {line.group('line')}"
    message = NOISE.sub("", what).removeprefix("SyntaxError: ").strip()
    return f"{where}: {message}"


def death(status: ExitStatus, output: str, cause: Cause, *, starting: bool) -> ProcessError:
    """Return the error of a process that ended by itself; when ``starting``, with what it said."""
    when = f" before it was ready: {last_words(output)}" if starting else ""
    return ProcessError(
        f"Process error: PocketBase {status}{when}",
        cause=cause,
        exit_code=status.code,
        output=output,
    )
