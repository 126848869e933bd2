"""Exposition: everything that is counted and read, as Prometheus wants it.

It is loaded when somebody asks for it the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bus.metrics.series import AnyFamily, Count, Families, Level, Times


class Exposition:
    """What one house tells."""

    def __init__(self, families: Families, others: Iterable[Callable[[], Collector]]) -> None:
        """Besides the ``families``, what the ``others`` collect is told."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_SeriesCollector(families))
        for make in others:
            self._registry.register(make())

    def told(self, accept: str) -> tuple[bytes, str]:
        """Return it, and the content type that it has, out of those that are accepted."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type


class _SeriesCollector(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def describe(self) -> list[Metric]:
        """Nothing: names are not told twice here."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Tell each family as it is now."""
        yield from map(_told, self._families)


_MAKE: dict[type[Any], Callable[..., Metric]] = {
    Count: CounterMetricFamily,
    Level: GaugeMetricFamily,
    Times: HistogramMetricFamily,
}


def _told(family: AnyFamily) -> Metric:
    metric = _MAKE[family.kind](family.name, family.told, labels=family.label_names)
    for values, series in family:
        match metric:
            case HistogramMetricFamily() if isinstance(series, Times):
                metric.add_metric(values, *series.buckets())
            case CounterMetricFamily() | GaugeMetricFamily() if isinstance(series, Count | Level):
                metric.add_metric(values, series.value)
    return metric
