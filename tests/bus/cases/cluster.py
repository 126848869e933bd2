"""Good and bad values: the cluster."""

from __future__ import annotations

from pathlib import Path

_ETCD = {"PB_REPLICA_URL": "replicas"}

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_CLUSTER_ETCD", "http://h1:2379", "cluster_etcd", ("http://h1:2379",)),
    (
        "PB_CLUSTER_ETCD",
        "https://h1:2379/, https://h2:2379",
        "cluster_etcd",
        ("https://h1:2379", "https://h2:2379"),
    ),
    ("PB_CLUSTER_NAME", "prod", "cluster_name", "prod"),
    ("PB_CLUSTER_HOST", "h1.rack-2", "cluster_host", "h1.rack-2"),
    ("PB_CLUSTER_ADDRESS", "10.0.0.1", "cluster_address", "10.0.0.1"),
    ("PB_CLUSTER_BUS_PORT", "7101", "cluster_bus_port", 7101),
    ("PB_CLUSTER_EVENTS_PORT", "7102", "cluster_events_port", 7102),
    ("PB_CLUSTER_CAPACITY", "200", "cluster_capacity", 200),
    ("PB_CLUSTER_TTL", "30", "cluster_ttl", 30),
    ("PB_CLUSTER_MARGIN", "2.5", "cluster_margin", 2.5),
    ("PB_CLUSTER_MAX_LAG", "30", "cluster_max_lag", 30.0),
    ("PB_CLUSTER_RESTORES", "8", "cluster_restores", 8),
    ("PB_CLUSTER_LOST_FOUND", "0", "cluster_lost_found", 0.0),
    ("PB_ETCD_CA", "/etc/etcd/ca.pem", "etcd_ca", Path("/etc/etcd/ca.pem")),
    ("PB_ETCD_CERTIFICATE", "me.pem", "etcd_certificate", Path("me.pem")),
    ("PB_ETCD_KEY", "me.key", "etcd_key", Path("me.key")),
    ("PB_ETCD_USER", "pblm", "etcd_user", "pblm"),
    ("PB_ETCD_PASSWORD", "secret", "etcd_password", "secret"),
]
NEEDS = {"PB_CLUSTER_ETCD": _ETCD}
BAD = [
    ("PB_CLUSTER_ETCD", "h1:2379"),
    ("PB_CLUSTER_ETCD", "http://h1:2379,"),
    ("PB_CLUSTER_ETCD", "http://h1:2379"),
    ("PB_CLUSTER_NAME", "a/b"),
    ("PB_CLUSTER_HOST", "-"),
    ("PB_CLUSTER_ADDRESS", " "),
    ("PB_CLUSTER_ADDRESS", "h2.internal"),
    ("PB_CLUSTER_ADDRESS", "localhost"),
    ("PB_CLUSTER_BUS_PORT", "0"),
    ("PB_CLUSTER_EVENTS_PORT", "65536"),
    ("PB_CLUSTER_CAPACITY", "0"),
    ("PB_CLUSTER_TTL", "2"),
    ("PB_CLUSTER_MARGIN", "0"),
    ("PB_CLUSTER_MAX_LAG", "0"),
    ("PB_CLUSTER_RESTORES", "0"),
    ("PB_CLUSTER_LOST_FOUND", "-1"),
    ("PB_ETCD_CA", " "),
    ("PB_ETCD_CERTIFICATE", " "),
    ("PB_ETCD_KEY", " "),
    ("PB_ETCD_USER", " "),
    ("PB_ETCD_PASSWORD", " "),
]
