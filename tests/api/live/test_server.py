"""The live server as a part of the house: it binds, closes, and leaves nothing behind."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from api.live.server import LiveServer
from api.live.serving import Serving
from bus.client import BusClient
from bus.errors import SettingsError
from bus.settings import Settings
from tests.api.live.conftest import Live
from tests.bus.parts import PATIENCE
from tests.leftovers import nothing_left


def test_a_server_that_never_served_closes_as_well(bus: BusClient, settings: Settings) -> None:
    """A house that fails half-way up gives its port and threads back."""
    with nothing_left():
        LiveServer(bus, settings, port=0).close()


def test_closing_ends_the_threads_and_frees_the_port(live: Live) -> None:
    """Nothing is left, and closing twice does no harm."""
    live.listen().hear()
    live.server.close()
    live.server.close()
    names = {thread.name for thread in threading.enumerate()}
    assert names.isdisjoint({"live", "live-feed"})
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", live.server.port), PATIENCE)


def test_a_taken_port_is_refused_in_one_line(bus: BusClient, settings: Settings) -> None:
    """The refusal names the setting, the reason and what to do."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as refusal:
            LiveServer(bus, settings, port=port)
    assert refusal.value.message == (
        f"PB_API_HOST='127.0.0.1' PB_LIVE_PORT={port}: cannot listen there "
        "(Address already in use); stop what has it, or set another"
    )


def test_a_bad_moment_for_the_first_caller_passes(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there are no files left to serve with, it is tried again until there are."""
    failures = [OSError("Too many open files")] * 2
    begin = Serving.start

    def fail(serving: Serving) -> None:
        if failures:
            raise failures.pop()
        begin(serving)

    monkeypatch.setattr(Serving, "start", fail)
    monkeypatch.setattr("api.live.server.RETRY", 0.001)
    assert live.listen().hear()
    assert not failures
