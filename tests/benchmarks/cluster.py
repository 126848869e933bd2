"""What agreement costs: claims, reading all places, choosing hosts, and a simulation from that.

``python -m tests.benchmarks.cluster``; three members of etcd on this machine, with fsync.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from actors.cluster.coordination import Membership
from actors.cluster.etcd import Etcd
from actors.cluster.gateway import Committed, encoded
from actors.cluster.rendezvous import choose
from tests.cluster.hosts import coordination, entry, place
from tests.etcd import etcd

CLAIMS, THREADS = 2_000, 8
PLACES, BATCH = 100_000, 100
HOSTS = 100


def main() -> None:
    """Measure, and print."""
    with etcd(3, options=()) as engine:
        agreed = coordination(engine, cluster_ttl=60)
        member = agreed.join("h1", entry(), 600)
        print(f"claims             {_claims(agreed, member):8.0f} /s, by {THREADS} threads")
        _fill(agreed, member)
        began = time.perf_counter()
        found = agreed.view()
        took = time.perf_counter() - began
        print(f"reading all places {took:8.1f} s for {len(found.places)}")
        size = sum(len(msgspec.json.encode(seen.place)) for seen in found.places.values())
        print(f"size of a place    {size / len(found.places):8.0f} bytes, with empty fields")
        agreed.close()
    capacities = {f"h{number}": 100 for number in range(HOSTS)}
    began = time.perf_counter()
    for number in range(1_000):
        choose(f"user-{number}", capacities)
    took = (time.perf_counter() - began) / 1_000
    print(f"choosing of {HOSTS}    {took * 1e6:8.0f} us for one user")


def _claims(agreed: Etcd, member: Membership) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        claims = [
            pool.submit(agreed.swap, f"claimed-{number}", None, place(member), member)
            for number in range(CLAIMS)
        ]
        assert all(claim.result() for claim in claims)
    return CLAIMS / (time.perf_counter() - began)


def _fill(agreed: Etcd, member: Membership) -> None:
    value = encoded(msgspec.json.encode(place(member)))
    gateway, key = agreed._gateway, agreed._user
    for first in range(0, PLACES, BATCH):
        steps: list[dict[str, Any]] = [
            {"request_put": {"key": encoded(key(f"user-{number}")), "value": value}}
            for number in range(first, first + BATCH)
        ]
        gateway.call("kv/txn", {"compare": [], "success": steps}, Committed, 30)


if __name__ == "__main__":
    main()
