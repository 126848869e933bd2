"""What holds for all tests."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONG = ("chaos", "house/test_openapi", "dashboard", "cluster", "house", "backups", "replication")
"""Where tests take seconds; they begin first, so that at the end no core waits for one file."""


def pytest_configure(config: pytest.Config) -> None:
    """Give this run a directory of its own.

    pytest shares one among all runs of a user and clears away what the fourth-last has left, also
    while that one still runs.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell has it in the background:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever we start would have it
    if hasattr(config, "workerinput"):
        return
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="pblm-tests-")
    # Else all that is started here compiles everything anew, each for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are cores: half of the time a test waits for a process."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Have every worker read a share of the files before all of them.

    The first to read a file rewrites its assertions, which takes longer than all else about it, and
    keeps what it made of it. All workers read all files, and would rewrite each at the same time.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    files = sorted(HERE.rglob("test_*.py"))
    for file in files[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        with contextlib.suppress(Exception):  # who collects it tells what is wrong with it
            importlib.import_module(".".join(file.relative_to(HERE.parent).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what stays until the end: some tests have it look at all."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have what takes long begin first."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    place = item.path.relative_to(HERE).as_posix()
    return next((turn for turn, long in enumerate(LONG) if place.startswith(long)), len(LONG))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave it only where somebody will want to look into it."""
    given = Path(session.config.option.basetemp or "")
    ours = given.name.startswith("pblm-tests-") and not hasattr(session.config, "workerinput")
    if ours and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(given, ignore_errors=True)
