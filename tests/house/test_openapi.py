"""The description of the API, held against a manager by schemathesis."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.manager import manager_of

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")


@pytest.mark.timeout(120)
def test_the_manager_answers_as_described() -> None:
    """No call is answered with a server error, or with what is not described.

    The calls are the examples and what is on and beyond each limit of the schemas.
    """
    hold("--phases=examples,coverage")


@pytest.mark.long
@pytest.mark.timeout(120)
def test_the_manager_answers_as_described_whatever_it_is_asked() -> None:
    """The same for calls that are drawn from the schemas, up to thirty for each operation."""
    hold("--phases=fuzzing")


def hold(phases: str) -> None:
    with manager_of(port_range=400) as manager:
        manager.start()
        for user in ("alice", "bob"):
            manager.api.run(user)
        ended = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                f"--config-file={CONFIG}",
                "run",
                f"{manager.api.url}/openapi.json",
                phases,
                "--no-color",
                f"--report-dir={manager.root}",
            ],
            cwd=manager.root,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        manager.stop()
