"""What the tests of the API start from: a real bus whose mind is a script."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from api.app import create_app
from bus.client import BusClient
from bus.hub import Hub
from bus.settings import Settings
from tests.bus.parts import NEVER, Script

HOST = "127.0.0.1:3000"
TOKEN = "schlüssel"


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """Return a directory whose path is short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="pblm", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def settings(short_dir: Path) -> Settings:
    return Settings(user_dbs_path=short_dir)


@pytest.fixture
def script(settings: Settings) -> Iterator[Script]:
    """Return the script of a hub that serves."""
    settings.run_path.mkdir(parents=True)
    script = Script()
    hub = Hub(
        command_endpoint=settings.command_endpoint,
        event_endpoint=settings.event_endpoint,
        heartbeat=NEVER,
    )
    hub.start(script)
    yield script
    hub.close()


@pytest.fixture
def bus(settings: Settings) -> Iterator[BusClient]:
    with BusClient(settings.command_endpoint) as client:
        yield client


@pytest.fixture
def app(bus: BusClient, settings: Settings) -> Any:
    return create_app(bus, settings)


@pytest.fixture
def client(app: Any) -> falcon.testing.TestClient:
    """Return a caller on this machine, of an API without a token."""
    return falcon.testing.TestClient(app, headers={"Host": HOST})
