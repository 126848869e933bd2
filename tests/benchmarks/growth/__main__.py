"""Measure fleets of several sizes, tell how each figure grows, and draw it.

``python -m tests.benchmarks.growth --plots docs/images --markdown FILE``; the pictures need
matplotlib, everything else only what the tests need. Takes some fifteen minutes and 16 GB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bus.settings import find_pocketbase
from tests.benchmarks.growth import standin
from tests.benchmarks.growth.exponent import TOLERANCE, exponent
from tests.benchmarks.growth.figures import FIGURES, FLAT, measure
from tests.benchmarks.plan import FULL, Plan
from tests.benchmarks.table import machine

Figures = dict[str, dict[int, float]]


def main() -> int:
    """Measure, print, perhaps draw; return 1 when something grows faster than it may."""
    options = _options()
    real = _measure(options.real, stand_ins=False)
    simulated = _measure(options.simulated, stand_ins=True)
    lines = _table(real, simulated)
    print("\n".join(lines))
    if options.markdown:
        options.markdown.write_text("\n".join([machine(), "", *lines, ""]))
    if options.plots:
        from tests.benchmarks.growth.plot import draw  # what only it needs need not be installed

        draw(options.plots, real, simulated)
    return 1 if any(not _allowed(name, values) for name, values in real.items()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--real", type=int, nargs="+", default=[10, 50, 200, 500])
    parser.add_argument("--simulated", type=int, nargs="*", default=[200, 2000])
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


def _measure(counts: list[int], *, stand_ins: bool) -> Figures:
    found: Figures = {name: {} for name in FIGURES}
    for count in counts:
        print(f"measuring {count} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="pblm-growth-") as folder:
            root, binary = Path(folder), find_pocketbase()
            if stand_ins:
                binary = standin.install(root / "bin", binary)
            plan = Plan(root=root, binary=binary, counts=FULL)
            for name, value in measure(plan, count).items():
                found[name][count] = value
    return found


def _table(real: Figures, simulated: Figures) -> list[str]:
    counts = list(next(iter(real.values())))
    stand_ins = list(next(iter(simulated.values())))
    head = ["what", *map(str, counts), "exponent", "may be", "is"]
    head += [f"{count} stand-ins" for count in stand_ins]
    rows = [head, ["---"] * len(head)]
    for name, values in real.items():
        grows = exponent(values)
        rows.append(
            [
                FIGURES[name],
                *(f"{value:.3g}" for value in values.values()),
                f"{grows:.2f}",
                f"{0 if name in FLAT else 1} + {TOLERANCE:g}",
                "met" if _allowed(name, values) else "MISSED",
                *(f"{value:.3g}" for value in simulated[name].values()),
            ]
        )
    return [f"| {' | '.join(row)} |" for row in rows]


def _allowed(name: str, values: dict[int, float]) -> bool:
    return exponent(values) <= (0 if name in FLAT else 1) + TOLERANCE


if __name__ == "__main__":
    sys.exit(main())
