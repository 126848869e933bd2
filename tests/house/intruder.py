"""An intruder: what a process of some uid gets of a list of things that it tries.

It is both what the test calls and what runs under that uid, with nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0


def attempt(uid: int, attempts: list[tuple[str, str]]) -> dict[str, str]:
    """Try everything as ``uid``: what each attempt got, by "verb target"."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", __file__, str(uid)],
        input=json.dumps(attempts),
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    got: dict[str, str] = json.loads(done.stdout)
    assert len(got) == len({f"{verb} {target}" for verb, target in attempts})
    return got


def read(path: str) -> None:
    """Read a file, or a directory's names."""
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.read(1)


def write(path: str) -> None:
    """Write to a file, or make one in a directory."""
    if os.path.isdir(path):
        path = os.path.join(path, "planted")
    with open(path, "ab"):
        pass


def replace(path: str) -> None:
    """Put something else in its place."""
    os.rename(path, f"{path}.stolen")


def attach(path: str) -> None:
    """Open a database from another one, as PocketBase's own SQL console would."""
    database = sqlite3.connect(":memory:")
    database.execute("ATTACH DATABASE ? AS other", [path])
    database.execute("SELECT count(*) FROM other.sqlite_master").fetchone()


def connect(path: str) -> None:
    """Connect to a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)


def kill(pid: str) -> None:
    """Send a signal that does nothing."""
    os.kill(int(pid), signal.SIGCONT)


VERBS: dict[str, Callable[[str], None]] = {
    each.__name__: each for each in (read, write, replace, attach, connect, kill)
}


def main() -> None:
    """Become nobody but the uid, and try what stands on standard input."""
    attempts, uid = json.load(sys.stdin), int(sys.argv[1])
    sqlite3.connect(":memory:").close()  # what it loads may not be readable later
    os.chdir("/")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    got = {}
    for verb, target in attempts:
        try:
            VERBS[verb](target)
        except (OSError, sqlite3.Error) as error:
            got[f"{verb} {target}"] = f"no: {error}"
        else:
            got[f"{verb} {target}"] = "yes"
    json.dump(got, sys.stdout)


def everything_under(folder: Path) -> list[Path]:
    """Return the folder and all that is in it."""
    return [folder, *folder.rglob("*")]


if __name__ == "__main__":
    main()
