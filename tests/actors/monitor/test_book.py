"""What was measured, remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from actors.monitor.book import POINTS, UsageBook
from bus.usage import Usage, UsagePoint

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def look(number: int) -> Usage:
    return Usage(
        sampled_at=NOON + timedelta(seconds=10 * number),
        uptime_seconds=10.0 * number,
        cpu_percent=number / 4,
        cpu_seconds=float(number),
        memory_bytes=7_000_000_000 + number,
        connections=number,
        data_bytes=4096,
    )


def test_the_latest_look_is_kept_whole() -> None:
    """What was seen last is given back as it was seen."""
    book = UsageBook()
    assert book.latest("alice") is None
    book.note("alice", look(1))
    book.note("alice", look(2))
    book.note("bob", look(3))
    assert book.latest("alice") == look(2)
    assert book.all() == {"alice": look(2), "bob": look(3)}


def test_a_curve_has_each_look_exactly() -> None:
    """A point says when, and the same numbers as the look."""
    book = UsageBook()
    book.note("alice", look(1))
    book.note("alice", look(2))
    assert book.points("alice") == [
        UsagePoint(
            at=seen.sampled_at,
            cpu_percent=seen.cpu_percent,
            memory_bytes=seen.memory_bytes,
            connections=seen.connections,
        )
        for seen in (look(1), look(2))
    ]


def test_what_is_not_known_stays_so() -> None:
    """A number that was not measured is none in the curve."""
    book = UsageBook()
    book.note("alice", Usage(sampled_at=NOON, cpu_seconds=1.0))
    (point,) = book.points("alice")
    assert point == UsagePoint(at=NOON, cpu_percent=None, memory_bytes=None, connections=None)


def test_an_instance_without_a_process_adds_no_point() -> None:
    """The curve has a gap while nothing runs; the size of the data is known all the same."""
    book = UsageBook()
    book.note("alice", look(1))
    book.note("alice", Usage(sampled_at=NOON + timedelta(minutes=1), data_bytes=8192))
    assert len(book.points("alice")) == 1
    latest = book.latest("alice")
    assert latest is not None
    assert (latest.cpu_percent, latest.data_bytes) == (None, 8192)


def test_a_curve_does_not_grow_for_ever() -> None:
    """The oldest points go first."""
    book = UsageBook()
    for number in range(POINTS + 5):
        book.note("alice", look(number))
    points = book.points("alice")
    assert len(points) == POINTS
    assert [points[0].connections, points[-1].connections] == [5, POINTS + 4]


def test_who_is_gone_is_forgotten() -> None:
    """Nothing is kept of users that are not known any more."""
    book = UsageBook()
    book.note("alice", look(1))
    book.note("bob", look(1))
    book.keep_only({"bob", "carol"})
    assert book.all() == {"bob": look(1)}
    assert book.points("alice") == []
