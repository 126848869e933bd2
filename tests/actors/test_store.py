"""The durable registry: rows, history, counts and pages."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.records import Record
from actors.store import HISTORY, PRUNED_EACH, Store
from bus.causes import Cause
from bus.errors import InstanceIOError
from bus.instance import Failure
from bus.labels import label_of
from bus.states import Desired, Status

LONG = "A" * 40
"""Escaped it is too long for a host label."""
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def record(user_id: str = "alice", status: Status = Status.RUNNING, **fields: object) -> Record:
    """Return a row as it is right after the first start."""
    row = Record(
        user_id=user_id, status=status, desired=Desired.RUNNING, reason="asked", created_at=NOW
    )
    return msgspec.structs.replace(row, **fields)


FULL = record(
    incarnation=8123,
    epoch=3,
    desired=Desired.STOPPED,
    reason='it said "no" — ☂\n',
    port=20_007,
    pid=4_194_304,
    start_ticks=2**40,
    boot_id="00000000-0000-4000-8000-000000000000",
    exe="/opt/pocket base/pocketbase",
    run=12,
    restarts=4,
    version="0.40.6",
    binary="7988bead56ab1f2e",
    refused="1f2e7988bead56ab",
    identity="1640988000_init.go@1790000000000000",
    failure=Failure(cause=Cause.MIGRATION_FAILED, exit_code=-9, output="line 1\nline 2 ☂"),
    started_at=NOW + timedelta(seconds=1),
    stopped_at=NOW - timedelta(days=400),
    uid=200_001,
    deleted_at=NOW + timedelta(days=1),
    renaming_to="somebody",
)
"""A row with something else than the default in every column."""


def reopened(store: Store) -> Store:
    """Close the registry and open it again."""
    path = Path(store._database.execute("PRAGMA database_list").fetchone()[2])
    store.close()
    return Store(path)


def test_the_full_row_leaves_no_default() -> None:
    """The row that the round trip is made with has a value of its own in every field."""
    plain = record()
    same = [
        name for name in Record.__struct_fields__ if getattr(FULL, name) == getattr(plain, name)
    ]
    assert same == ["user_id", "status", "created_at", "last_health_check"]


@pytest.mark.parametrize("row", [record(), FULL, *(record(status=each) for each in Status)])
def test_a_row_comes_back_as_it_was_written(store: Store, row: Record) -> None:
    """Every field survives the disk."""
    store.put(row)
    assert store.get("alice") == row
    again = reopened(store)
    assert again.get("alice") == row
    again.close()


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_can_be_kept(store: Store, cause: Cause) -> None:
    """A failure comes back with its cause and its last words."""
    row = record(failure=Failure(cause=cause, output="x"))
    store.put(row)
    again = reopened(store)
    assert again.get("alice") == row
    again.close()


def test_a_row_is_replaced_as_a_whole(store: Store) -> None:
    """What a later row leaves empty is empty."""
    store.put(FULL)
    store.put(record())
    again = reopened(store)
    assert again.get("alice") == record()
    assert again.total() == 1
    again.close()


def test_a_health_check_is_not_kept_on_disk(store: Store) -> None:
    """When it was last checked is forgotten with the manager, whoever writes the row."""
    store.put(record(last_health_check=NOW))
    assert store.get("alice") == record(last_health_check=NOW)
    again = reopened(store)
    assert again.get("alice") == record()
    again.close()


def test_what_is_put_in_memory_stays_there(store: Store) -> None:
    """A change in memory is seen now, and is not on disk until the next write."""
    store.put(record())
    store.put_in_memory(record(status=Status.FAILED))
    assert store.get("alice") == record(status=Status.FAILED)
    assert (store.total(Status.FAILED), store.total(Status.RUNNING)) == (1, 0)
    again = reopened(store)
    assert again.get("alice") == record()
    again.close()


def test_nobody_is_known_at_first(store: Store) -> None:
    """A new registry is empty."""
    assert store.get("alice") is None
    assert store.total() == 0
    assert store.records() == []
    assert store.page(None, 10, "") == ([], False)
    assert store.history("alice") == []


def test_history_is_kept_in_order(store: Store) -> None:
    """Each status that is entered is a line; notes in between are none."""
    store.put(record(status=Status.STARTING, run=1), entered=NOW)
    store.put(record(status=Status.STARTING, port=20_001))
    later = NOW + timedelta(seconds=5)
    store.put(record(status=Status.FAILED, failure=FULL.failure, run=2), entered=later)
    store.put(record("bob"), entered=NOW)
    again = reopened(store)
    first, second = again.history("alice")
    assert (first.at, first.run, first.status, first.failure) == (NOW, 1, Status.STARTING, None)
    assert (second.at, second.run, second.status) == (later, 2, Status.FAILED)
    assert second.failure == FULL.failure
    assert len(again.history("bob")) == 1
    again.close()


def test_history_is_pruned(store: Store) -> None:
    """Of each user the latest lines are kept, and no more than promised."""
    store.put(record("bob"), entered=NOW)
    for run in range(HISTORY + 30):
        store.put(record(run=run), entered=NOW)
    assert [line.run for line in store.history("alice")] == list(range(30, HISTORY + 30))
    assert len(store.history("bob")) == 1


def test_history_does_not_grow_on_the_disk(tmp_path: Path) -> None:
    """Neither in one life of the manager nor in many short ones."""
    path = tmp_path / "registry.db"
    for count in (HISTORY + 2 * PRUNED_EACH, *([1] * PRUNED_EACH)):
        store = Store(path)
        for run in range(count):
            store.put(record(run=run), entered=NOW)
        store.close()
        assert HISTORY <= lines(path) < HISTORY + PRUNED_EACH


def lines(path: Path) -> int:
    """Return how many lines of history are on the disk."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM history").fetchone()[0])


def test_a_forgotten_user_is_unknown(store: Store) -> None:
    """Row and history are gone, in memory as on disk."""
    for user in ("alice", "bob"):
        store.put(record(user), entered=NOW)
    store.forget("alice")
    store.forget("nobody")
    again = reopened(store)
    for each in (store, again):
        assert each.get("alice") is None
        assert (each.total(), each.total(Status.RUNNING)) == (1, 1)
        assert [row.user_id for row in each.records()] == ["bob"]
    assert again.history("alice") == []
    again.close()


steps = st.lists(
    st.tuples(st.text("abAB09.-", min_size=1, max_size=3), st.sampled_from([None, *Status])),
    max_size=40,
)


@given(steps, st.sampled_from([None, *Status]), st.integers(1, 5))
@settings(max_examples=25)
def test_counts_and_pages_are_those_of_a_plain_dict(
    changes: list[tuple[str, Status | None]], wanted: Status | None, limit: int
) -> None:
    """After any changes, totals and pages are what a dict of the same users would give."""
    model: dict[str, Status] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "registry.db")
        for user, status in changes:
            if status is None:
                store.forget(user)
                model.pop(user, None)
            else:
                store.put(record(user, status))
                model[user] = status
        matching = sorted(user for user, each in model.items() if wanted in (None, each))
        for each in (store, reopened(store)):
            assert each.total() == len(model)
            assert {s: each.total(s) for s in Status} == {
                s: list(model.values()).count(s) for s in Status
            }
            assert pages(each, wanted, limit) == matching
            assert [row.user_id for row in each.records()] == sorted(model)
            each.close()


def pages(store: Store, status: Status | None, limit: int) -> list[str]:
    """Read all pages, one after the other."""
    found: list[str] = []
    more = True
    while more:
        page, more = store.page(status, limit, found[-1] if found else "")
        assert len(page) == limit or not more
        found += [row.user_id for row in page]
    return found


def test_a_page_may_begin_behind_a_user_who_is_gone(store: Store) -> None:
    """A cursor needs no row of its own."""
    for user in ("a", "c", "d"):
        store.put(record(user))
    page, more = store.page(None, 1, "b")
    assert [row.user_id for row in page] == ["c"]
    assert more


def test_a_user_is_found_by_a_hashed_label(store: Store) -> None:
    """As long as there is that user, and by no other label."""
    store.put(record("alice"))
    store.put(record(LONG))
    assert store.labelled(label_of(LONG)) == LONG
    assert store.labelled(label_of(f"{LONG}.")) is store.labelled("alice") is None
    store = reopened(store)
    renamed = store.rename(store.records()[0], f"{LONG}.")
    assert store.labelled(label_of(LONG)) is None
    assert store.labelled(label_of(f"{LONG}.")) == renamed.user_id
    store.forget(renamed.user_id)
    assert store.labelled(label_of(f"{LONG}.")) is None
    store.close()


def test_a_full_disk_changes_nothing(store: Store) -> None:
    """When the disk refuses a row, memory and disk stay as they were; with room it works again."""
    store.put(record(), entered=NOW)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(InstanceIOError, match=r"^IO error: cannot write .*full") as e:
        fill(store)
    assert e.value.failure.cause is Cause.IO_ERROR
    known = store.total()
    assert known == len(store.records()) < 10_000
    assert store.get("alice") == record()
    store._database.execute("PRAGMA max_page_count = 1000000")
    store.put(record("late"))
    again = reopened(store)
    assert again.total() == known + 1
    again.close()


def fill(store: Store) -> None:
    """Put rows until the disk is full."""
    for number in range(10_000):
        store.put(record(f"user{number}", reason="x" * 1000), entered=NOW)


def test_a_readonly_disk_changes_nothing(store: Store) -> None:
    """A row that cannot be written is an IO error in words, and the former row stays."""
    store.put(record())
    store._database.execute("PRAGMA query_only = ON")
    with pytest.raises(InstanceIOError, match=r"^IO error: cannot write .*readonly"):
        store.put(record(status=Status.FAILED), entered=NOW)
    assert store.get("alice") == record()
    assert store.history("alice") == []


def test_a_locked_registry_is_an_io_error(store: Store) -> None:
    """A stranger who holds the registry's lock costs an error, not a crash."""
    path = store._database.execute("PRAGMA database_list").fetchone()[2]
    store._database.execute("PRAGMA busy_timeout = 1")
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(InstanceIOError, match="locked"):
        store.put(record())
    assert store.get("alice") is None
    stranger.execute("ROLLBACK")
    stranger.close()
    store.put(record())


def test_what_the_disk_refused_is_written_later(store: Store) -> None:
    """A row that is owed is known at once, and on disk after catching up."""
    row = record()
    store.owe(row)
    assert store.get(row.user_id) == row
    query = "SELECT count(*) FROM instances"
    assert store._database.execute(query).fetchone() == (0,)
    store.catch_up()
    assert reopened(store).get(row.user_id) == row


def test_a_registry_that_can_be_written_has_no_problem(store: Store) -> None:
    """The look writes, and changes nothing."""
    store.put(record())
    assert store.problem() is None
    assert reopened(store).get("alice") == record()


def test_a_registry_that_cannot_be_written_says_why(store: Store) -> None:
    """A disk that refuses is a problem also while nobody has anything to write."""
    store._database.execute("PRAGMA query_only = ON")
    assert "readonly" in (store.problem() or "")


def test_what_is_still_to_be_written_is_a_problem(store: Store) -> None:
    """It is one until the registry has caught up."""
    store.owe(record())
    assert store.problem() == "1 changes are still to be written"
    store.catch_up()
    assert store.problem() is None
