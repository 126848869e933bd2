"""Which host a user goes to."""

from __future__ import annotations

from collections import Counter

from actors.cluster.rendezvous import choose, ranked

USERS = [f"user-{n}" for n in range(4_000)]
HOSTS = {"h1": 100, "h2": 100, "h3": 200}


def test_each_host_gets_its_share() -> None:
    """Twice the capacity, twice the users."""
    counts = Counter(choose(user, HOSTS) for user in USERS)
    for host, capacity in HOSTS.items():
        share = len(USERS) * capacity / sum(HOSTS.values())
        assert abs(counts[host] - share) < 0.1 * share


def test_only_the_users_of_a_lost_host_move() -> None:
    """All others stay where they are, and those that move go to their second choice."""
    left = {host: capacity for host, capacity in HOSTS.items() if host != "h3"}
    for user in USERS:
        first, second, _ = ranked(user, HOSTS)
        assert first == choose(user, HOSTS)
        if first != "h3":
            assert choose(user, left) == first
        elif second != "h3":
            assert choose(user, left) == second


def test_without_hosts_there_is_no_choice() -> None:
    assert choose("alice", {}) is None
