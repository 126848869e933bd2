"""How much disk the users' data take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.clock import FakeClock
from actors.monitor import footprint
from actors.monitor.footprint import REFRESH, SHARE, Footprint, disk_usage


def test_everything_below_is_counted_once(tmp_path: Path) -> None:
    """Files at every depth count with the blocks that they take; a link does not."""
    (tmp_path / "storage" / "deep").mkdir(parents=True)
    for path in ("data.db", "storage/a", "storage/deep/b"):
        (tmp_path / path).write_bytes(os.urandom(10_000))
    (tmp_path / "link").symlink_to(tmp_path / "storage")
    files = [tmp_path / path for path in ("data.db", "storage/a", "storage/deep/b", "link")]
    assert disk_usage(tmp_path) == sum(path.lstat().st_blocks * 512 for path in files)
    assert disk_usage(tmp_path) >= 30_000


def test_a_sparse_file_counts_with_what_it_takes(tmp_path: Path) -> None:
    """What a file claims to be long is not what it takes."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    assert disk_usage(tmp_path) < 1 << 20


def test_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    """A user whose directory was never made, or is just removed, has 0 bytes."""
    assert disk_usage(tmp_path / "nobody") == 0


class Measured:
    """Directories whose measuring takes a known time."""

    def __init__(self, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.costs: dict[str, float] = {}
        self.order: list[str] = []
        monkeypatch.setattr(footprint, "disk_usage", self)

    def __call__(self, directory: Path) -> int:
        self.order.append(directory.name)
        self.clock.advance(self.costs.get(directory.name, 0.0))
        return len(self.order)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def measured(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Measured:
    return Measured(clock, monkeypatch)


def place(user_id: str) -> Path:
    return Path("/dbs") / user_id


def test_a_directory_is_measured_at_once_and_then_seldom(
    clock: FakeClock, measured: Measured
) -> None:
    """A new one is not waited for; an old one is measured again after a minute."""
    sizes = Footprint(clock.monotonic)
    sizes.measure(("alice",), place)
    clock.advance(REFRESH / 2)
    sizes.measure(
        (
            "alice",
            "bob",
        ),
        place,
    )
    assert (sizes.size("alice"), sizes.size("bob")) == (1, 2)
    clock.advance(REFRESH / 2)
    sizes.measure(
        (
            "alice",
            "bob",
        ),
        place,
    )
    assert (sizes.size("alice"), sizes.size("bob")) == (3, 2)


def test_a_large_directory_is_paid_for_afterwards(clock: FakeClock, measured: Measured) -> None:
    """Whatever the directories cost, measuring takes no more than its share of the time."""
    measured.costs = {"large": 2.0}
    sizes = Footprint(clock.monotonic)
    for _ in range(2000):
        clock.advance(10.0)
        sizes.measure(
            (
                "large",
                "small",
            ),
            place,
        )
    spent = 2.0 * measured.order.count("large")
    assert spent <= SHARE * clock.monotonic() + 2.0
    assert measured.order.count("large") > 10


def test_whoever_waited_longest_comes_first(clock: FakeClock, measured: Measured) -> None:
    """A large directory does not keep the others from their turn."""
    measured.costs = {"large": 1.0}
    sizes = Footprint(clock.monotonic)
    for _ in range(400):
        clock.advance(10.0)
        sizes.measure(
            (
                "large",
                "a",
                "b",
            ),
            place,
        )
    assert measured.order[:6] == ["large", "a", "b", "large", "a", "b"]


def test_who_is_gone_is_forgotten(clock: FakeClock, measured: Measured) -> None:
    """No size is kept of a user that is not known any more."""
    sizes = Footprint(clock.monotonic)
    sizes.measure(
        (
            "alice",
            "bob",
        ),
        place,
    )
    sizes.keep_only({"bob"})
    assert sizes.size("alice") is None
    assert sizes.size("bob") is not None
