"""The reference of the command line says what the code does: all of it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click
import pytest

from api.cli.app import COMMANDS, Pblm
from api.cli.exits import Exit
from api.cli.house import house_commands
from bus.settings import Settings
from tests.docs.pages import sections


def _nobody(settings: Settings) -> int:
    raise NotImplementedError


def _nothing(settings: Settings, instances: int) -> Iterable[None]:
    return []


PBLM = Pblm(house_commands(_nobody, _nothing))  # type: ignore[arg-type]
CONTEXT = click.Context(PBLM)
PAGE = sections("cli")


def command(name: str) -> click.Command:
    found = PBLM.get_command(CONTEXT, name)
    assert found is not None, name
    return found


def test_every_command_is_in_the_reference_in_the_order_of_the_help() -> None:
    """A command is on the page, and no other is."""
    titles = [title for title in PAGE if re.fullmatch(r"[a-z-]+", title)]
    assert titles == PBLM.list_commands(CONTEXT)


@pytest.mark.parametrize("name", ["doctor", "serve", *COMMANDS])
def test_every_option_is_in_the_reference(name: str) -> None:
    """An option is in its command's table with all its names, and no other is."""
    in_code = [
        [*option.opts, *option.secondary_opts]
        for option in command(name).params
        if isinstance(option, click.Option)
    ]
    on_page = [re.findall(r"-[\w-]+", row[0]) for row in PAGE[name].rows()]
    assert on_page == in_code


@pytest.mark.parametrize("name", ["doctor", "serve", *COMMANDS])
def test_every_command_has_a_line_of_help(name: str) -> None:
    """`pblm --help` tells what each is for, and each option tells its own."""
    assert command(name).get_short_help_str(limit=200)
    options = [each for each in command(name).params if isinstance(each, click.Option)]
    assert all(option.help for option in options)


def test_every_exit_status_is_in_the_reference() -> None:
    """The table has those of the code."""
    on_page = {row[1]: row[0] for row in PAGE["Exit status"].rows()}
    assert on_page == {each.name: str(each.value) for each in Exit}
