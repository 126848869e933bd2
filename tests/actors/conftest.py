"""What the tests of the actors start from: a house, a registry, a clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from actors.clock import LoopClock
from actors.process import Processes
from actors.store import Store
from tests.actors.house import House, opened

settings.register_profile("actors", derandomize=True, deadline=None, database=None)
settings.load_profile("actors")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "dbs") as house:
        yield house


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "registry.db")
    yield store
    store.close()


@pytest.fixture
def clock() -> Iterator[LoopClock]:
    clock = LoopClock()
    yield clock
    clock.close()


@pytest.fixture
def processes(clock: LoopClock) -> Processes:
    return Processes(clock)
