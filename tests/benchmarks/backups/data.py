"""The data that are backed up: a PocketBase with a collection of a given size."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.backups.plain import plain_pocketbase

WORDS = 200
"""Of one record: about 2 kB."""
VOCABULARY = 3000
INSERT = "INSERT INTO documents (id, title) VALUES (?, ?)"


def make_data(root: Path, size: int) -> Path:
    """Return a data directory in ``root`` whose database is ``size`` bytes or a little more.

    Nobody serves it; it has a collection named ``documents``, and records without files: words,
    and a number here and there, which deflate to less than half.
    """
    draw = random.Random(1)
    words = [
        "".join(draw.choices("etaoinshrdlcum", k=draw.randint(2, 10))) for _ in range(VOCABULARY)
    ]

    def record() -> tuple[str, str]:
        text = " ".join(draw.choices(words, k=WORDS))
        return f"{draw.getrandbits(60):015x}", f"{text} {draw.getrandbits(512):x}"

    with plain_pocketbase(root) as plain:
        plain.stop()
        with closing(sqlite3.connect(plain.data / "data.db")) as database:
            while _size(database) < size:
                with database:
                    database.executemany(INSERT, [record() for _ in range(20)])
        return plain.data


def _size(database: sqlite3.Connection) -> int:
    pages, each = (database.execute(f"PRAGMA page_{of}").fetchone()[0] for of in ("count", "size"))
    return int(pages * each)
