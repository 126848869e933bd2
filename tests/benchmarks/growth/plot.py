"""A picture per figure: how it grows, on logarithmic scales. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from tests.benchmarks.growth.figures import FIGURES

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "pblm"  # the same numbers give the same file


def draw(
    folder: Path, real: Mapping[str, Mapping[int, float]], stand_ins: Mapping[str, dict[int, float]]
) -> None:
    """Write ``growth-FIGURE.svg`` for each figure into ``folder``."""
    for name, values in real.items():
        figure, axes = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
        axes.loglog(list(values), list(values.values()), "o-", label="PocketBase")
        simulated = stand_ins.get(name, {})
        if simulated:
            axes.loglog(list(simulated), list(simulated.values()), "s--", label="stand-in")
        axes.set(title=FIGURES[name], xlabel="instances", ylim=_limits([values, simulated]))
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend()
        figure.savefig(folder / f"growth-{name}.svg", metadata={"Date": None})
        pyplot.close(figure)


def _limits(lines: list[Mapping[int, float]]) -> tuple[float, float]:
    """At least two decades, so that noise does not look like growth."""
    values = [value for line in lines for value in line.values()]
    return min(values) / 3, max(max(values) * 3, min(values) * 30)
