"""Requests: which PocketBase the instances are served by."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bus.requests.base import Request, UserRequest

MAX_WAVE = 1_000
"""The most instances that are upgraded at a time."""


class UpgradeInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have a running instance served by a PocketBase that is kept; another one is left as it is.

    Answered once it is Running again, with the one or, if its first start failed, the former.
    """

    binary: str
    """The beginning of the SHA-256 of the executable, as :class:`bus.rollout.Rollout` has it."""


class StartRollout(Request, frozen=True, kw_only=True, tag=True):
    """Upgrade all running instances to the PocketBase that PB_BINARY_PATH holds now, in waves.

    Answered when it has begun.
    """

    canary: str | None = None
    """The user who is first, alone; null: the one who comes first in the order of ids."""
    wave: Annotated[int, msgspec.Meta(ge=1, le=MAX_WAVE)] = 4
    """How many follow at a time."""
    max_failures: Annotated[int, msgspec.Meta(ge=1, le=MAX_WAVE)] = 1
    """It stops at so many failures."""
    settle_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0
    """How long each wave must run before the next one begins."""


class GetRollout(Request, frozen=True, kw_only=True, tag=True):
    """How the rollout that is under way stands, or how the last one ended."""


class CancelRollout(Request, frozen=True, kw_only=True, tag=True):
    """Begin no further upgrade. Those that have begun go on; answered at once."""
