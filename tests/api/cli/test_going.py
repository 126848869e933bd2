"""How many users leave a host, told to a person."""

from __future__ import annotations

import pytest

from api.cli.cluster import going


@pytest.mark.parametrize(
    ("users", "told"),
    [(0, "nobody leaves"), (1, "1 user leaves"), (2, "2 users leave, a few at a time")],
)
def test_who_leaves_is_counted(users: int, told: str) -> None:
    """One is no crowd."""
    assert going(users) == told
