"""Children that misbehave, for the faults that PocketBase cannot be asked for.

Each is chosen by the name of the user: ``silent.1`` gets a child that never listens. Everybody
else gets the real PocketBase. The manager launches children with an environment of its own and
must not know of any of this, so what stands in for PocketBase is a little script, and this file
is both what writes it and what it runs.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

LAST_WORDS = "Error: the child is not in the mood"
CRASH_AFTER = 0.5
"""Seconds from a crashing child's first answer to its end."""


class Children:
    """The script that is launched instead of PocketBase, and what it was launched for."""

    def __init__(self, folder: Path) -> None:
        self.binary = folder / "pocketbase"
        self._launches = folder / "launches"

    def install(self) -> Path:
        """Write the script, and return its path."""
        pocketbase = Path(sys.executable).with_name("pocketbase")
        names = "|".join(f"*/pb_user_{each.__name__}.*" for each in BEHAVIOURS)
        self.binary.parent.mkdir()
        self._launches.touch()
        self.binary.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = --version ]; then exec "{pocketbase}" --version; fi\n'
            f'echo "$*" >> "{self._launches}"\n'
            f'case "$*" in {names}) exec "{sys.executable}" -I -S "{__file__}" "$@";; esac\n'
            f'exec "{pocketbase}" "$@"\n'
        )
        self.binary.chmod(0o700)
        return self.binary

    def launched(self, user_id: str) -> int:
        """Return how many processes were launched for the user."""
        given = [line.split() for line in self._launches.read_text().splitlines()]
        directory = f"/pb_user_{user_id}.db"
        return sum(
            any(word.startswith("--dir=") and word.endswith(directory) for word in words)
            for words in given
        )


class Launch:
    """The command line that PocketBase would have got."""

    def __init__(self, words: list[str]) -> None:
        options = dict(word.split("=", 1) for word in words if "=" in word)
        self.port = int(options["--http"].rpartition(":")[2])
        self.data = Path(options["--dir"])
        self.behaviour = self.data.name.removeprefix("pb_user_").partition(".")[0]


def exits(launch: Launch) -> None:
    """Exit at once, with a message."""
    sys.exit(LAST_WORDS)


def silent(launch: Launch) -> None:
    """Never listen."""
    _wait_for_ever()


def stubborn(launch: Launch) -> None:
    """Never listen, and ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _wait_for_ever()


def hangs(launch: Launch) -> None:
    """Listen and never answer."""
    listener = socket.create_server(("127.0.0.1", launch.port))
    connections = []
    while True:
        connections.append(listener.accept())


def refuses(launch: Launch) -> None:
    """Answer 500 from the beginning."""
    _serve(launch, lambda: 500)


def crashes(launch: Launch) -> None:
    """Be healthy, and crash a moment after the first answer."""
    crash = threading.Timer(CRASH_AFTER, os._exit, [7])

    def answer() -> int:
        if not crash.is_alive():
            crash.start()
        return 200

    _serve(launch, answer)


def deaf(launch: Launch) -> None:
    """Be healthy, and ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _serve(launch, lambda: 200)


def sickens(launch: Launch) -> None:
    """Be healthy until there is a file ``sick`` in the data directory, then answer 500."""
    sick = launch.data / "sick"
    sick.unlink(missing_ok=True)
    _serve(launch, lambda: 500 if sick.exists() else 200)


def robbed(launch: Launch) -> None:
    """Find the port taken the first time, as PocketBase reports it; listen the next time."""
    been_here = launch.data / "been_here"
    if not been_here.exists():
        been_here.touch()
        sys.exit(f"Error: listen tcp 127.0.0.1:{launch.port}: bind: address already in use")
    _serve(launch, lambda: 200)


BEHAVIOURS: tuple[Callable[[Launch], None], ...] = (
    exits,
    silent,
    stubborn,
    hangs,
    refuses,
    crashes,
    deaf,
    sickens,
    robbed,
)


def _wait_for_ever() -> NoReturn:
    while True:
        signal.pause()


def _serve(launch: Launch, answer: Callable[[], int]) -> NoReturn:
    """Answer every request with the status that ``answer`` gives, a database open as it should."""
    database = sqlite3.connect(launch.data / "data.db", isolation_level=None)
    database.execute("CREATE TABLE IF NOT EXISTS _migrations (file TEXT, applied INTEGER)")
    if not database.execute("SELECT count(*) FROM _migrations").fetchone()[0]:
        database.execute("INSERT INTO _migrations VALUES (?, 1)", (launch.data.name,))
    listener = socket.create_server(("127.0.0.1", launch.port))
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(65_536):
                head = f"HTTP/1.1 {answer()} As told\r\nConnection: close\r\n"
                connection.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())


def main() -> None:
    """Behave as the user's name says."""
    launch = Launch(sys.argv[1:])
    {each.__name__: each for each in BEHAVIOURS}[launch.behaviour](launch)


if __name__ == "__main__":
    main()
