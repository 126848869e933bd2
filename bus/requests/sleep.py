"""Requests about an instance that nobody uses: put to sleep, woken."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bus.errors import InvalidRequest
from bus.labels import LABEL
from bus.requests.base import Request, UserRequest
from bus.sleep import SleepPolicy


class WakeInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have the user's instance answer, if it is to run. Answered once it does, or cannot.

    Unlike ``InitInstance`` it makes no new user, starts nothing that was stopped, and does not
    hurry the retries of what fails again and again.
    """


class WakeHost(Request, frozen=True, kw_only=True, tag=True):
    """Have the instance answer whose host label is ``label``: what the door asks."""

    label: str

    def __post_init__(self) -> None:
        _check_label(self.label)


class FindHost(Request, frozen=True, kw_only=True, tag=True):
    """Tell about the instance whose host label is ``label``, and leave it as it is.

    What a door asks that gets a certificate for each host.
    """

    label: str

    def __post_init__(self) -> None:
        _check_label(self.label)


class SleepInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Put the user's instance to sleep, unless somebody uses it just now."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "It was put to sleep"


class GetSleep(UserRequest, frozen=True, kw_only=True, tag=True):
    """When the user's instance sleeps, and why it does or does not now."""


class PutSleepPolicy(UserRequest, frozen=True, kw_only=True, tag=True):
    """Decide when the user's instance sleeps, in place of what was decided before."""

    policy: SleepPolicy


def _check_label(label: str) -> None:
    if not LABEL.fullmatch(label):
        raise InvalidRequest(f"label={label!r}: takes small letters, digits and hyphens")
