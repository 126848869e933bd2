"""Series: what is counted and timed, kept until Prometheus asks for it.

Not the classes of prometheus_client, which loads OpenSSL and a web server, and keeps a lock for
each bucket of each series: 8 MB, of which most houses are asked for nothing. It makes the format
(:mod:`bus.metrics.exposition`).
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Generic, TypeVar

_S = TypeVar("_S", bound="Count | Level | Times")


class Count:
    """A number that only rises."""

    __slots__ = ("_lock", "value")

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self.value = 0.0

    def inc(self, by: float = 1.0) -> None:
        """Add to it."""
        with self._lock:
            self.value += by


class Level:
    """A number that rises and falls."""

    __slots__ = ("_lock", "_read", "_value")

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._value = 0.0
        self._read: Callable[[], float] | None = None

    @property
    def value(self) -> float:
        """The number now."""
        return self._value if self._read is None else self._read()

    def set(self, value: float) -> None:
        """It is this now."""
        self._value = value

    def inc(self, by: float = 1.0) -> None:
        """Add to it."""
        with self._lock:
            self._value += by

    def dec(self, by: float = 1.0) -> None:
        """Take from it."""
        self.inc(-by)

    def set_function(self, read: Callable[[], float]) -> None:
        """Have it read when it is asked for, from any thread."""
        self._read = read


class Times:
    """How many took how long, in seconds."""

    __slots__ = ("_bounds", "_counts", "_lock", "sum")

    def __init__(self, lock: threading.Lock, bounds: tuple[float, ...]) -> None:
        self._lock = lock
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """One took so long."""
        with self._lock:
            self._counts[bisect_left(self._bounds, seconds)] += 1
            self.sum += seconds

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """How many took each bound or less, the last one without a bound; and all seconds."""
        with self._lock:
            counts, seconds = list(self._counts), self.sum
        names = [*map(str, self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(counts)), strict=True)), seconds


class Family(Generic[_S]):
    """All series of one name; each has its own values of the labels."""

    def __init__(
        self,
        kind: type[_S],
        name: str,
        told: str,
        labels: tuple[str, ...],
        make: Callable[[threading.Lock], _S],
    ) -> None:
        """``told`` is what it counts, in words."""
        self.kind = kind
        self.name = name
        self.told = told
        self.label_names = labels
        self._make = make
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], _S] = {}

    def labels(self, *values: str) -> _S:
        """Return the series with these values of the labels; it is there from now on."""
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} has the labels {self.label_names}")
        series = self._series.get(values)
        if series is None:
            with self._lock:
                series = self._series.setdefault(values, self._make(self._lock))
        return series

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], _S]]:
        """Yield each series with the values of its labels."""
        with self._lock:
            found = list(self._series.items())
        yield from found


AnyFamily = Family[Count] | Family[Level] | Family[Times]


class Families:
    """All that one house counts."""

    def __init__(self) -> None:
        self._families: list[AnyFamily] = []

    def __iter__(self) -> Iterator[AnyFamily]:
        """Yield each family."""
        yield from self._families

    def counts(self, name: str, told: str, *labels: str) -> Family[Count]:
        """Return a new family of counters."""
        return self._add(Family(Count, name, told, labels, Count))

    def times(self, name: str, told: str, *labels: str, bounds: tuple[float, ...]) -> Family[Times]:
        """Return a new family of histograms."""
        return self._add(Family(Times, name, told, labels, lambda lock: Times(lock, bounds)))

    def count(self, name: str, told: str) -> Count:
        """Return a counter without labels."""
        return self.counts(name, told).labels()

    def time(self, name: str, told: str, *, bounds: tuple[float, ...]) -> Times:
        """Return a histogram without labels."""
        return self.times(name, told, bounds=bounds).labels()

    def level(self, name: str, told: str) -> Level:
        """Return a gauge without labels."""
        return self._add(Family(Level, name, told, (), Level)).labels()

    def _add(self, family: Family[_S]) -> Family[_S]:
        self._families.append(family)  # type: ignore[arg-type]
        return family
