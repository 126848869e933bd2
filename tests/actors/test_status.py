"""The one door through which an instance's status changes."""

from __future__ import annotations

import itertools
import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from actors.records import Record
from actors.status import StatusKeeper
from bus import trace
from bus.causes import Cause
from bus.errors import InstanceIOError
from bus.events import StatusChanged
from bus.instance import Failure
from bus.states import Desired, Status, may_follow
from tests.actors.house import House

PAIRS = list(itertools.product([None, *Status], Status))
ALLOWED = [pair for pair in PAIRS if may_follow(*pair)]
FORBIDDEN = [pair for pair in PAIRS if not may_follow(*pair)]


def keeper(house: House, status: Status | None) -> StatusKeeper:
    """Return the keeper of a user whose instance has ``status``."""
    if status is not None:
        house.store.put(
            Record(
                user_id="alice",
                status=status,
                desired=Desired.RUNNING,
                reason="before",
                created_at=datetime(2025, 1, 1, tzinfo=UTC),
            )
        )
    return StatusKeeper("alice", house.services)


def enter(keeper: StatusKeeper, new: Status, *, strict: bool = False) -> None:
    """Enter ``new`` as the life of an instance does."""
    changes: dict[str, Any] = {"desired": Desired.RUNNING, "restarts": 7}
    (keeper.enter_strictly if strict else keeper.enter)(new, "so it goes", **changes)


def refuse_writes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the disk of the registry full."""

    def put(record: Record, *, entered: datetime | None = None) -> None:
        raise InstanceIOError("IO error: cannot write the registry: disk full")

    monkeypatch.setattr(house.store, "put", put)


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_an_allowed_change_is_stored_and_told(
    house: House, old: Status | None, new: Status
) -> None:
    """An allowed status is in the registry and its history, and published with all changes."""
    enter(keeper(house, old), new)
    record = house.record()
    assert (record.status, record.reason, record.restarts) == (new, "so it goes", 7)
    assert [line.status for line in house.store.history("alice")] == [new]
    (event,) = house.events
    assert isinstance(event, StatusChanged)
    assert (event.old, event.status, event.reason) == (old, new, "so it goes")
    assert event.instance == record.instance(house.layout)


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_a_change_is_stored_before_it_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, old: Status | None, new: Status
) -> None:
    """Whoever hears of a status finds it in the registry."""
    order: list[str] = []
    put = house.store.put
    services = msgspec.structs.replace(
        house.services, publish=lambda event: order.append(f"publish {house.status()}")
    )
    keeper(house, old)

    def storing(record: Record, *, entered: datetime | None = None) -> None:
        order.append(f"store {record.status}")
        put(record, entered=entered)

    monkeypatch.setattr(house.store, "put", storing)
    enter(StatusKeeper("alice", services), new)
    assert order == [f"store {new}", f"publish {new}"]


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
def test_a_forbidden_change_is_a_bug(house: House, old: Status | None, new: Status) -> None:
    """A status that cannot follow raises, and nothing has changed."""
    kept = keeper(house, old)
    with pytest.raises(AssertionError, match=f"alice: {new} cannot follow {old}"):
        enter(kept, new)
    assert kept.status is old
    assert not house.events


def test_a_strict_change_that_cannot_be_written_has_not_happened(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is strict raises when the disk refuses, and neither memory nor world knows of it."""
    kept = keeper(house, Status.STOPPED)
    refuse_writes(house, monkeypatch)
    with pytest.raises(InstanceIOError, match="disk full"):
        enter(kept, Status.STARTING, strict=True)
    assert (kept.status, house.status()) == (Status.STOPPED, Status.STOPPED)
    assert not house.events


def test_a_new_user_who_cannot_be_written_down_is_not_known(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strict first change leaves no trace when it fails."""
    kept = keeper(house, None)
    refuse_writes(house, monkeypatch)
    with pytest.raises(InstanceIOError):
        enter(kept, Status.STARTING, strict=True)
    assert not kept.known
    assert house.store.get("alice") is None


def test_what_has_happened_is_told_though_it_cannot_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not strict is known in memory and published; the next write carries it."""
    kept = keeper(house, Status.RUNNING)
    with monkeypatch.context() as full:
        refuse_writes(house, full)
        enter(kept, Status.FAILED)
        assert (kept.status, house.status()) == (Status.FAILED, Status.FAILED)
        assert len(house.events) == 1
    kept.note(port=20_001)
    house.crash()
    assert (house.status(), house.record().port) == (Status.FAILED, 20_001)


def test_a_wish_is_strict(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user asked for is written before it is acted on, or not at all."""
    kept = keeper(house, Status.RUNNING)
    refuse_writes(house, monkeypatch)
    kept.want(Desired.RUNNING)  # nothing new: nothing to write
    with pytest.raises(InstanceIOError):
        kept.want(Desired.STOPPED)
    assert kept.record.desired is Desired.RUNNING


def test_a_note_is_no_change_of_status(house: House) -> None:
    """A note is stored; it is neither an event nor a line of history."""
    kept = keeper(house, Status.RUNNING)
    kept.note(port=20_001)
    kept.note_in_memory(last_health_check=datetime(2026, 1, 1, tzinfo=UTC))
    assert house.record().port == 20_001
    assert house.record().last_health_check is not None
    assert not house.events
    assert not house.store.history("alice")


def test_the_instance_shows_what_users_may_see(house: House) -> None:
    """A stopped instance shows no port, a failed one shows why."""
    failure = Failure(cause=Cause.KILLED, exit_code=-9, output="last words")
    kept = keeper(house, Status.STARTING)
    kept.enter(Status.FAILED, "killed", port=20_001, failure=failure)
    assert kept.instance is not None
    assert (kept.instance.port, kept.instance.url) == (20_001, "http://127.0.0.1:20001")
    assert kept.instance.failure == failure
    kept.enter(Status.STOPPED, "stopped")
    assert (kept.instance.port, kept.instance.url) == (None, None)
    assert kept.instance.db_path == str(house.layout.data("alice"))


def request_ids(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the statuses that were entered, and the call that each goes back to."""
    told = [vars(record)["fields"] for record in caplog.records if record.name == "actors.status"]
    return [(str(each["status"]), each["request_id"]) for each in told]


def test_a_change_is_one_line_with_the_call_it_goes_back_to(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """All the steps of a restart belong to the call that wanted it; a crash belongs to none."""
    caplog.set_level(logging.INFO, logger="actors.status")
    with trace.serving("first"):
        house.init("alice")
    house.ready("alice")
    with trace.serving("second"):
        house.init("alice", force_restart=True)
    house.end("alice")
    house.ready("alice")
    house.end("alice", -9)
    house.ready("alice")
    assert request_ids(caplog) == [
        ("Starting", "first"),
        ("Running", "first"),
        ("Stopping", "second"),
        ("Stopped", "second"),
        ("Starting", "second"),
        ("Running", "second"),
        ("Failed", ""),
        ("Starting", ""),
        ("Running", ""),
    ]
