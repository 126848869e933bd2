"""Shell: somebody who types ``pblm`` where a manager runs."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from pblm import main
from tests.house.manager import Manager
from tests.house.surroundings import PATIENCE

LINES, WIDTH = 24, 120
"""The size of the terminals."""


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document that it wrote."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON documents that it wrote, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs commands with a manager's settings."""

    def __init__(self, manager: Manager) -> None:
        self._environ = manager.environ

    def __call__(self, *words: str) -> Ended:
        """Run a command in this process, without a terminal; return how it ended."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self._environ, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = main(words)
        return Ended(int(status), out.getvalue(), err.getvalue())

    @contextmanager
    def begin(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command that does not end by itself, with its output in a pipe."""
        command = [sys.executable, "-m", "pblm", *words]
        with subprocess.Popen(
            command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def in_terminal(self, *words: str, **environ: str) -> Ended:
        """Run a command as a person does, and return all that the terminal was told."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, WIDTH, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "pblm", *words],
            env={**self._environ, "TERM": "xterm-256color", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            told = b"".join(_read(ours))
            return Ended(process.wait(PATIENCE), told.decode(), "")
        finally:
            process.kill()
            process.wait()
            os.close(ours)


def _read(terminal: int) -> Iterator[bytes]:
    """Yield what is written until nobody holds the other end."""
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            yield os.read(terminal, 65_536)
        except OSError:  # EIO: the last one has closed it
            return
