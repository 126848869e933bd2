"""ClusterCollector: which hosts there are, at the moment the metrics are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bus.answers import ClusterAnswer


class ClusterCollector(Collector):
    """See the module."""

    def __init__(self, read: Callable[[], ClusterAnswer]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing: what there is, is known only when it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read, and tell."""
        cluster = self._read()
        up = GaugeMetricFamily(
            "pblm_cluster_host_up", "1: the host is a member, and is heard.", labels=["host"]
        )
        users = GaugeMetricFamily(
            "pblm_cluster_users", "Users that the host owns.", labels=["host"]
        )
        for name, host in cluster.hosts.items():
            up.add_metric([name], host.member and host.heard)
            users.add_metric([name], host.users)
        yield up
        yield users
        yield GaugeMetricFamily(
            "pblm_cluster_problems",
            "Users that a person has to look after.",
            len(cluster.problems),
        )
