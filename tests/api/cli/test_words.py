"""Values as people read them, and how a command ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.cli.exits import Exit, exit_of
from api.cli.words import duration, one_line, percent, size, what_happened, whom
from bus.errors import BusTimeout, Conflict, NotFound, PblmError, ProcessError, SettingsError
from bus.events import DiskLow, InstanceRenamed, StatusChanged
from bus.states import Status
from tests.bus.parts import NOW, instance


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m 0s"),
        (3_599, "59m 59s"),
        (3_600, "1h 0m"),
        (90_061, "1d 1h"),
        (-5, "0s"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: int, told: str) -> None:
    """Also one that a clock set back makes negative."""
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    assert duration(begin, begin + timedelta(seconds=seconds)) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [(None, "-"), (0, "0B"), (1023, "1023B"), (1536, "1.5K"), (150 * 2**20, "150M")],
)
def test_a_size_has_the_unit_that_suits(number: int | None, told: str) -> None:
    """A size that is not known is a dash."""
    assert size(number) == told


def test_a_percentage_that_is_not_known_is_a_dash() -> None:
    """One that is known has one digit."""
    assert (percent(None), percent(12.34)) == ("-", "12.3%")


def test_a_reason_is_cut_to_one_line() -> None:
    """What PocketBase wrote may have many."""
    assert one_line("a\n  b") == "a b"
    assert one_line("x" * 200, 10) == "x" * 9 + "…"


def test_an_event_is_told_in_a_line() -> None:
    """Also one that has fields of its own, or is about the manager."""
    changed = StatusChanged(
        at=NOW, user_id="ann", old=None, status=Status.STARTING, reason="why", instance=instance()
    )
    assert (whom(changed), what_happened(changed)) == ("ann", "new -> Starting: why")
    renamed = InstanceRenamed(at=NOW, user_id="ann", to="ben", instance=instance())
    assert what_happened(renamed) == "instance renamed: to=ben"
    low = DiskLow(at=NOW, reason="nearly full", free_bytes=7)
    assert (whom(low), what_happened(low)) == ("(manager)", "disk low: nearly full: free_bytes=7")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError, Exit.USAGE),
        (BusTimeout, Exit.NO_MANAGER),
        (NotFound, Exit.NOT_FOUND),
        (Conflict, Exit.CONFLICT),
        (ProcessError, Exit.FAILED),
    ],
)
def test_an_error_has_an_exit_status(error: type[PblmError], status: Exit) -> None:
    """That of the nearest class in the table."""
    assert exit_of(error("x")) is status
