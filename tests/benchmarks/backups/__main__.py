"""Measure the backups beside PocketBase's own, in one interleaved run, and print one table.

``python -m tests.benchmarks.backups [--quick] [--only ROW] [--markdown FILE]``

Both sides do the same in turn, on the same machine at the same time. Everything happens on
loopback, in temporary directories. It takes some minutes, and about 3 GB of disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.backups import churn, many, replica, standstill
from tests.benchmarks.backups.data import make_data
from tests.benchmarks.table import Row, markdown, text

LARGE = 100_000_000
"""Bytes of the database of one user; with ``--quick`` a tenth."""
SMALL = 900_000
"""Bytes of the database of one of many users: with the uploads, types and logs beside it 1 MB."""


def main() -> int:
    """Measure and print; return 1 when a target was missed."""
    options = _options()
    rows: list[Row] = []
    for name in options.only or list(ROWS):
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="pblm-bench-") as folder:
            rows += ROWS[name](Path(folder), options.quick)
    print(text(rows))
    if options.markdown:
        options.markdown.write_text(markdown(rows))
    return 1 if any(row.met is False for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.backups",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small counts: does it work at all")
    parser.add_argument("--only", action="append", choices=ROWS, help="may be given repeatedly")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    return parser.parse_args()


def _churn(root: Path, quick: bool) -> list[Row]:
    return churn.measure(_large(root, quick), root / "bare", 3 if quick else 20)


def _standstill(root: Path, quick: bool) -> list[Row]:
    return standstill.measure(_large(root, quick), root / "bare", 3 if quick else 10)


def _many(root: Path, quick: bool) -> list[Row]:
    return many.measure(make_data(_folder(root), SMALL), 50 if quick else 1000)


def _replica(root: Path, quick: bool) -> list[Row]:
    return replica.measure(_large(root, quick), root, 2 if quick else 5)


def _large(root: Path, quick: bool) -> Path:
    return make_data(_folder(root), LARGE // 10 if quick else LARGE)


def _folder(root: Path) -> Path:
    made = root / "made"
    made.mkdir()
    return made


ROWS: dict[str, Callable[[Path, bool], list[Row]]] = {
    "churn": _churn,
    "standstill": _standstill,
    "many": _many,
    "replica": _replica,
}

if __name__ == "__main__":
    sys.exit(main())
