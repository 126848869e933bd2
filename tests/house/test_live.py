"""What a listener hears over WebSocket of a real manager's instances."""

from __future__ import annotations

import os
import signal
from typing import Any

import msgspec
from websockets.sync.client import connect

from tests.house.manager import Manager
from tests.house.surroundings import PATIENCE


def test_an_unplanned_death_is_told_with_its_cause(manager: Manager) -> None:
    """Start, kill -9 and the start after it come in their order, each with the whole instance."""
    port = manager.settings.live_port
    with connect(f"ws://127.0.0.1:{port}/ws/status?user=alice") as line:
        while msgspec.json.decode(line.recv(PATIENCE))["event"] != "snapshot":
            pass  # with the snapshot it begins to hear
        pid = manager.api.run("alice")["pid"]
        os.kill(pid, signal.SIGKILL)
        heard: list[dict[str, Any]] = []
        while [each["status"] for each in heard].count("Running") < 2:
            message = msgspec.json.decode(line.recv(PATIENCE))
            if message["event"] == "status_changed":
                heard.append(message)
    told = [each["status"] for each in heard]
    assert told == ["Starting", "Running", "Failed", "Starting", "Running"]
    assert heard[2]["instance"]["failure"]["cause"] == "killed"
    assert heard[4]["instance"]["restarts"] == 1
