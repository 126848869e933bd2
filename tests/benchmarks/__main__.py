"""Run the benchmarks and print one table.

Every row is measured in one interleaved run against the bare thing, on the same machine at the
same time: only the ratios mean something. Everything happens on loopback, in a temporary
directory that is gone afterwards, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from bus.settings import find_pocketbase
from tests.benchmarks import (
    boot,
    burst,
    bus_reads,
    ends,
    events,
    fleet,
    idle,
    reads,
    sleeping,
    starts,
)
from tests.benchmarks.peers import compare
from tests.benchmarks.plan import FULL, QUICK, Plan
from tests.benchmarks.table import Row, markdown, text

Measures = Mapping[str, Callable[[Plan], list[Row]]]

ROWS: Measures = {
    "peers": compare.measure,
    "init": starts.measure,
    "event": events.measure,
    "status": reads.measure,
    "bus": bus_reads.measure,
    "burst": burst.measure,
    "ends": ends.measure,
    "fleet": fleet.measure,
    "idle": idle.measure,
    "sleeping": sleeping.measure,
    "boot": boot.measure,
}


def run(measures: Measures, *, prog: str) -> int:
    """Measure, print, perhaps write; return 1 when a target was missed."""
    options = _options(measures, prog)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        rows = _measure(measures, options.only or list(measures), quick=options.quick)
    except KeyboardInterrupt:
        print("interrupted; everything was cleaned up", file=sys.stderr)
        return 130
    print(text(rows))
    if options.markdown:
        options.markdown.write_text(markdown(rows))
    return 1 if any(row.met is False for row in rows) else 0


def _options(measures: Measures, prog: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts: does it work at all")
    parser.add_argument("--only", action="append", choices=measures, help="may be given repeatedly")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    return parser.parse_args()


def _measure(measures: Measures, names: list[str], *, quick: bool) -> list[Row]:
    counts = QUICK if quick else FULL
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="pblm-bench-") as folder:
            plan = Plan(root=Path(folder), binary=find_pocketbase(), counts=counts)
            rows += measures[name](plan)
    return rows


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End by cleaning up, and do not let the impatient interrupt that."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(run(ROWS, prog="python -m tests.benchmarks"))
