"""What has become of an instance, step by step."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.instance import Failure
from bus.states import Status


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an instance's history: the status that it went to."""

    at: datetime
    run: int
    """How many processes had been started for the user by then."""
    status: Status
    reason: str
    failure: Failure | None
