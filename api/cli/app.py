"""The commands there are, and how the command line is run."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from api.cli.command import wants_no_colour
from api.cli.exits import Exit

COMMANDS: dict[str, str] = {
    "ls": "api.cli.listing:ls",
    "status": "api.cli.listing:status",
    "start": "api.cli.lifecycle:start",
    "stop": "api.cli.lifecycle:stop",
    "restart": "api.cli.lifecycle:restart",
    "sleep": "api.cli.sleep:sleep",
    "wake": "api.cli.sleep:wake",
    "why": "api.cli.sleep:why",
    "door": "api.cli.door:door",
    "logs": "api.cli.logs:logs",
    "top": "api.cli.top:top",
    "events": "api.cli.events:events",
    "token": "api.cli.access:token",
    "revoke-tokens": "api.cli.access:revoke_tokens",
    "metadata": "api.cli.access:metadata",
    "delete": "api.cli.ownership:delete",
    "undelete": "api.cli.ownership:undelete",
    "rename": "api.cli.ownership:rename",
    "clone": "api.cli.ownership:clone",
    "backup": "api.cli.backups:backup",
    "backups": "api.cli.backups:backups",
    "prove": "api.cli.backups:prove",
    "fetch": "api.cli.backups:fetch",
    "restore": "api.cli.backups:restore",
    "undo-restore": "api.cli.backups:undo_restore",
    "confirm-restore": "api.cli.backups:confirm_restore",
    "export": "api.cli.transfer:export",
    "import": "api.cli.transfer:import_",
    "cluster": "api.cli.cluster:cluster",
    "ready": "api.cli.ready:ready",
    "completion": "api.cli.completion:completion",
}
"""Where each command is; the order is that of the help."""


class Pblm(click.Group):
    """The group of all commands, each loaded when it is called for: most need very little."""

    def __init__(self, mounted: Mapping[str, click.Command]) -> None:
        """``mounted``: commands that are made elsewhere, as they need the whole house."""
        super().__init__("pblm", callback=_begin, help=_HELP)
        self._mounted = dict(mounted)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help."""
        return [*self._mounted, *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None: there is no such."""
        if cmd_name not in COMMANDS:
            return self._mounted.get(cmd_name)
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found


_HELP = """One PocketBase per user: started, watched and stopped for you.

Without a command it serves. Commands speak to the manager that runs with the same
settings: PB_USER_DBS_PATH or PB_COMMAND_ENDPOINT say where that is.
"""


@click.pass_context
def _begin(ctx: click.Context) -> None:
    if wants_no_colour():
        ctx.color = False


def run(mounted: Mapping[str, click.Command], arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["serve"]
    try:
        status: Any = Pblm(mounted).main(words, prog_name="pblm", standalone_mode=False)
    except click.Abort:
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:  # the reader has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return status if isinstance(status, int) else Exit.OK
