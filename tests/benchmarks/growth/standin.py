"""A child that only answers health: thousands of it fit where hundreds of PocketBases do.

Run by :func:`install`'s script instead of ``pocketbase serve``, without the site packages, as it
is started as often as PocketBase would be.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def install(folder: Path, pocketbase: str) -> str:
    """Write the program that stands in for ``pocketbase``; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "pocketbase"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *serve*) exec "{sys.executable}" -I -S "{__file__}" "$@";; esac\n'
        f'exec "{pocketbase}" "$@"\n'
    )
    program.chmod(0o700)
    return str(program)


def main(words: list[str]) -> None:
    """Serve as the options say, with the database open, until a signal ends it."""
    options = dict(word.split("=", 1) for word in words if "=" in word)
    port = int(options["--http"].rpartition(":")[2])
    with (
        open(Path(options["--dir"], "data.db"), "rb"),
        socket.create_server(("127.0.0.1", port), backlog=64) as listener,
    ):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(ANSWER)


if __name__ == "__main__":
    main(sys.argv[1:])
