"""``pblm completion``: the shell completes commands, options and user ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from api.cli.command import command
from api.cli.output import tell

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PBLM_COMPLETE"
"""By which the script asks this program what could come next."""


@command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete `pblm`: put it where yours looks for such."""
    writer = get_completion_class(shell)
    assert writer is not None
    tell(writer(ctx.find_root().command, {}, "pblm", VARIABLE).source())
