"""What a subscriber knows, and whether what it was told is whole."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

from tests.chaos.manager import REPOSITORY


class View:
    """The statuses as the events tell them; each hole in the story is written down."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.holes: list[str] = []
        self.updates = 0
        self._epoch = ""
        self._seq = 0
        self._followed: set[str] = set()

    def take(self, update: dict[str, Any]) -> None:
        """Learn from one update."""
        self.updates += 1
        if update["kind"] == "snapshot":
            self.statuses = dict(update["statuses"])
            self._followed.clear()
        else:
            self._check_number(update)
        if update["kind"] == "status":
            self._follow(update)
        self._epoch, self._seq = update["epoch"], update["seq"]

    def _check_number(self, update: dict[str, Any]) -> None:
        if update["epoch"] != self._epoch or update["seq"] != self._seq + 1:
            self.holes.append(f"{update} came after number {self._seq} of {self._epoch}")

    def _follow(self, update: dict[str, Any]) -> None:
        user, known = update["user"], self.statuses.get(update["user"])
        # The first event of a user after a snapshot may be contained in it already.
        if user in self._followed and known != update["old"]:
            self.holes.append(f"{user} was {known}, and went from {update['old']}")
        self._followed.add(user)
        self.statuses[user] = update["status"]


class Watcher:
    """A witness process, and the view that it gives."""

    def __init__(self, event_endpoint: str, command_endpoint: str) -> None:
        self.view = View()
        self._command = [
            sys.executable,
            "-m",
            "tests.chaos.witness",
            event_endpoint,
            command_endpoint,
        ]
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Subscribe, in a new process."""
        self._process = subprocess.Popen(
            self._command,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, args=[self._process], daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End the process (SIGKILL)."""
        if self._process is not None and self._thread is not None:
            self._process.kill()
            self._process.wait()
            self._thread.join()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # not the half of a line that was cut by the kill
                    self.view.take(json.loads(line))
