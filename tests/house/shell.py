"""Shell: somebody who types ``pblm`` where a manager runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
from typing import Any, NamedTuple
from unittest import mock

from pblm import main
from tests.house.manager import Manager


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
    """Runs commands with a manager's settings, in this process: none of them is a terminal's."""

    def __init__(self, manager: Manager) -> None:
        self._environ = manager.environ

    def __call__(self, *words: str) -> Ended:
        """Return how the command ended and what it wrote."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self._environ, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = main(words)
        return Ended(int(status), out.getvalue(), err.getvalue())
