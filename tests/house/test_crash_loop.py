"""Crash loops: tried again, ever more rarely, and said so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from bus.events import StatusChanged
from bus.states import Status
from tests.house.listener import path
from tests.house.manager import Manager, running_manager

BACK_OFF = (0.5, 1.0, 2.0)
"""Seconds that the first failures in a row are followed by."""
JITTER = 0.2


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager whose users may misbehave."""
    with running_manager(misbehaving_children=True) as running:
        yield running


def pauses(heard: list[StatusChanged]) -> list[float]:
    """Return the seconds between each failure and the next start."""
    return [
        (after.at - before.at).total_seconds()
        for before, after in itertools.pairwise(heard)
        if before.status is Status.FAILED
    ]


def test_a_child_that_never_starts_is_tried_ever_more_rarely(manager: Manager) -> None:
    """Each failure names the next try, which comes after twice the time of the one before."""
    with manager.listen("exits.1") as listener:
        answer = manager.api.init_pb("exits.1")
        heard = [
            change for _ in range(3) for change in listener.until_status(Status.FAILED, "exits.1")
        ]
        launched = manager.children.launched("exits.1")
    manager.api.stop("exits.1")

    assert answer.status_code == 500
    assert path(heard) == ["None", *(["Starting", "Failed"] * 3)]
    assert all("next try at" in change.reason for change in heard if change.status == "Failed")
    for waited, promised in zip(pauses(heard), BACK_OFF, strict=False):
        assert waited >= promised * (1 - JITTER)
    assert launched == 3


def test_a_child_that_crashes_again_and_again_is_not_restarted_at_once(manager: Manager) -> None:
    """Only the first of several deaths in a row is followed by a restart at once.

    Whoever else runs does not notice.
    """
    healthy = manager.api.run("ann")
    with manager.listen("crashes.1") as listener:
        manager.api.run("crashes.1")
        heard = [
            change for _ in range(3) for change in listener.until_status(Status.FAILED, "crashes.1")
        ]
        launched = manager.children.launched("crashes.1")
    manager.api.stop("crashes.1")

    assert path(heard) == ["None", *(["Starting", "Running", "Failed"] * 3)]
    assert manager.api.instance("ann")["pid"] == healthy["pid"]
    first, second = pauses(heard)
    assert first < BACK_OFF[0]
    assert second >= BACK_OFF[1] * (1 - JITTER)
    assert launched == 3


def test_many_failures_in_a_row_are_called_a_crash_loop(manager: Manager) -> None:
    """The reason says that it is a crash loop, how long it is, and when the next try is."""
    answers = [manager.api.init_pb("exits.2").json()["instance"] for _ in range(6)]
    manager.api.stop("exits.2")

    assert "crash loop" not in answers[0]["reason"]
    assert "crash loop: 6 failures" in answers[-1]["reason"]
    assert "next try at" in answers[-1]["reason"]


def test_what_is_stopped_is_not_tried_again(manager: Manager) -> None:
    """``stop_pb`` of a failed instance ends the tries: the next start is the one asked for."""
    with manager.listen("exits.3") as listener:
        manager.api.init_pb("exits.3")
        manager.api.stop("exits.3")
        launched = manager.children.launched("exits.3")
        manager.api.init_pb("exits.3")
        heard = listener.until_status(Status.STOPPED) + listener.until_status(Status.FAILED)
    manager.api.stop("exits.3")

    assert launched == 1
    assert path(heard) == ["None", "Starting", "Failed", "Stopped", "Starting", "Failed"]
