"""What holds for all tests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Give this run a directory of its own.

    pytest shares one among all runs of a user and clears away what the fourth-last has left, also
    while that one still runs.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = tempfile.mkdtemp(prefix="pblm-tests-")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave it only where somebody will want to look into it."""
    given = Path(session.config.option.basetemp or "")
    ours = given.name.startswith("pblm-tests-") and not hasattr(session.config, "workerinput")
    if ours and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(given, ignore_errors=True)
