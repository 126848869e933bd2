"""Run the benchmark of the door and print its table: ``python -m tests.benchmarks.door``."""

from __future__ import annotations

import sys

from tests.benchmarks.__main__ import run
from tests.benchmarks.door import known, moving, passing, simulated_day, waking

ROWS = {
    "passing": passing.measure,
    "waking": waking.measure,
    "moving": moving.measure,
    "known": known.measure,
    "day": simulated_day.measure,
}

if __name__ == "__main__":
    sys.exit(run(ROWS, prog="python -m tests.benchmarks.door"))
