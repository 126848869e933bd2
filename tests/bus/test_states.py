"""The statuses and the ways between them."""

from __future__ import annotations

import itertools

import pytest

from bus import states
from bus.states import SETTLED, TRANSITIONS, Status, may_follow

ALLOWED = {
    (None, Status.STARTING),
    (None, Status.STOPPED),
    (None, Status.HIBERNATED),
    (Status.STARTING, Status.RUNNING),
    (Status.STARTING, Status.STOPPING),
    (Status.STARTING, Status.STOPPED),
    (Status.STARTING, Status.FAILED),
    (Status.RUNNING, Status.STOPPING),
    (Status.RUNNING, Status.FAILED),
    (Status.STOPPING, Status.STOPPED),
    (Status.STOPPING, Status.HIBERNATED),
    (Status.STOPPING, Status.FAILED),
    (Status.STOPPED, Status.STARTING),
    (Status.FAILED, Status.STARTING),
    (Status.FAILED, Status.STOPPING),
    (Status.FAILED, Status.STOPPED),
    (Status.HIBERNATED, Status.STARTING),
    (Status.HIBERNATED, Status.STOPPED),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product([None, *Status], Status)))
def test_every_pair_of_statuses_is_decided(old: Status | None, new: Status) -> None:
    """An instance goes from one status to another exactly where a way is drawn."""
    assert may_follow(old, new) == ((old, new) in ALLOWED)


def test_every_status_can_be_reached_and_left() -> None:
    """No status is a dead end, and none is out of reach."""
    reached: set[Status] = set()
    open_ways: list[Status | None] = [None]
    while open_ways:
        fresh = TRANSITIONS[open_ways.pop()] - reached
        reached |= fresh
        open_ways += fresh
    assert reached == set(Status)
    assert all(TRANSITIONS[status] for status in Status)


def test_nothing_follows_itself() -> None:
    """A transition changes the status."""
    assert not [status for status in Status if may_follow(status, status)]


def test_a_settled_status_is_near() -> None:
    """From a status that may not last, one step leads to one that may."""
    for status in set(Status) - SETTLED:
        assert TRANSITIONS[status] & SETTLED


@pytest.mark.parametrize("status", Status)
def test_the_picture_shows_every_status(status: Status) -> None:
    """The diagram in the docstring leaves nothing out."""
    assert status in (states.__doc__ or "")


def test_the_specified_statuses_keep_their_names() -> None:
    """Users see the four words of the specification, and the additions."""
    assert {"Starting", "Running", "Failed", "Stopped"} <= set(Status)
