"""The way to the manager that runs here."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from api.cli.exits import Exit
from bus.client import BusClient
from bus.errors import Unavailable
from bus.settings import Settings

REACH_TIMEOUT = 2.0
"""Seconds that somebody at the command socket may take to accept a connection."""
PATIENCE = 5.0
"""Seconds that a call waits beyond the time that its work is given."""
COPY_TIMEOUT = 600.0
"""How long a copy of a user's data may take, in seconds; one that takes longer goes on."""


class NoManager(click.ClickException):
    """Nobody is at the command socket."""

    exit_code = Exit.NO_MANAGER

    def show(self, file: IO[Any] | None = None) -> None:
        """Say so on standard error."""
        click.echo(f"pblm: {self.message}", file=file, err=True)


def settings() -> Settings:
    """Return the settings of the environment, which say where the manager is."""
    return Settings.from_environ(os.environ)


@contextmanager
def manager(timeout: float = 5.0) -> Iterator[BusClient]:
    """Ask the manager of these settings; raise :class:`NoManager` at once when none runs.

    ``timeout`` is in seconds, for calls that name none.
    """
    endpoint = settings().command_endpoint
    check_reachable(endpoint)
    with BusClient(endpoint, timeout=timeout) as bus:
        yield bus


def check_reachable(endpoint: str) -> None:
    """Raise an error that says what to do, unless somebody listens at ``endpoint``."""
    try:
        _connect(endpoint).close()
    except PermissionError as error:
        raise Unavailable(
            f"The manager's socket {endpoint} is closed to this account ({error.strerror}); "
            "use the account that the manager runs under"
        ) from error
    except OSError as error:
        raise NoManager(
            f"no manager runs here: nobody listens at {endpoint} ({error.strerror or error})\n"
            "Start one with `pblm serve`. If it runs elsewhere, set PB_USER_DBS_PATH or "
            "PB_COMMAND_ENDPOINT to what it was started with."
        ) from error


def _connect(endpoint: str) -> socket.socket:
    scheme, _, address = endpoint.partition("://")
    if scheme == "tcp":
        host, _, port = address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_TIMEOUT)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(REACH_TIMEOUT)
    try:
        line.connect(address)
    except OSError:
        line.close()
        raise
    return line
