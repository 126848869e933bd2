"""Data that lie on a host whose registry knows nobody of that name: a try that was cut short."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.cluster.hands import EarlyHands
from actors.data.orders import TakeUser
from actors.data.particulars import Particulars
from actors.layout import Layout
from actors.store import Store
from bus.errors import InstanceIOError
from tests.actors.house import House, opened

DELETED = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "dbs") as made:
        yield made


def brought(layout: Layout, epoch: int, *, deleted_at: datetime | None = None) -> TakeUser:
    """Return the order to take alice in, whose data were restored for that epoch."""
    draft = layout.drafts / "alice"
    draft.mkdir(parents=True)
    (draft / "data.db").write_text(f"epoch {epoch}")
    return TakeUser(
        user_id="alice",
        epoch=epoch,
        incarnation=7,
        reason="It was restored",
        draft=str(draft),
        deleted_at=deleted_at,
        particulars=Particulars(metadata={"plan": "gold"}),
    )


@pytest.mark.parametrize("deleted_at", [None, DELETED])
def test_what_a_manager_left_without_a_row_makes_way(
    house: House, monkeypatch: pytest.MonkeyPatch, deleted_at: datetime | None
) -> None:
    """It ended just before it wrote the row: the next try succeeds, and nothing is thrown away."""
    layout, hands = house.layout, EarlyHands(house.services)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", _ended)
        with pytest.raises(KeyboardInterrupt):
            hands.take(brought(layout, 3, deleted_at=deleted_at))
    assert house.store.get("alice") is None

    hands.take(brought(layout, 4, deleted_at=deleted_at))
    assert house.record("alice").epoch == 4
    there = layout.data("alice") if deleted_at is None else layout.trash("alice")
    assert (there / "data.db").read_text() == "epoch 4"
    (aside,) = layout.lost_and_found.iterdir()
    assert (aside / "data.db").read_text() == "epoch 3"
    assert house.store.metadata("alice") == {"plan": "gold"}


def _ended(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_disk_that_refuses_what_goes_with_a_user_leaves_nothing_behind(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try would leave the whole data otherwise, on a disk that is full."""
    layout, hands = house.layout, EarlyHands(house.services)

    def full(*_: object) -> None:
        raise InstanceIOError("IO error: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put_metadata", full)
        with pytest.raises(InstanceIOError):
            hands.take(brought(layout, 3))
    assert not layout.data("alice").exists()
    assert not layout.lost_and_found.exists()
