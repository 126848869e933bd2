"""What the manager answers to a request."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from bus.errors import PblmError, error_class
from bus.events import NumberedEvent
from bus.instance import Instance


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the answers."""

    v: Literal[1] = 1


class InstanceAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``InitInstance``, ``StopInstance`` and ``GetInstance``."""

    instance: Instance | None


class InstancesAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``ListInstances``: one page, how many match in all, and the cursor of the next page."""

    instances: dict[str, Instance]
    total: int
    next: str | None


class HealthAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetHealth``."""

    total_instances: int
    running_instances: int
    disk_free_bytes: int = 0
    disk_low: bool = False
    at: datetime


class TokenAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``MintToken``."""

    token: str
    expires_at: datetime
    collection: str
    record_id: str


class RevokedAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``RevokeTokens``: how many auth records got a new key."""

    records: int


class MetadataAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetMetadata`` and ``PutMetadata``."""

    metadata: dict[str, Any]


class EventsAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetEvents``.

    With ``complete=False`` some of the events are no longer kept (or the epoch is another one):
    the asker takes a fresh picture with ``ListInstances`` and goes on after ``head``.
    """

    epoch: str
    head: int
    complete: bool
    events: list[NumberedEvent]


class ErrorAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To any request that failed."""

    code: str
    message: str
    instance: Instance | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, error: PblmError) -> ErrorAnswer:
        """Write ``error`` down for its journey."""
        return cls(
            code=error.code,
            message=error.message,
            instance=error.instance,
            retry_after=error.retry_after,
        )

    def error(self) -> PblmError:
        """Return the error again."""
        return error_class(self.code)(
            self.message, instance=self.instance, retry_after=self.retry_after
        )


AnyAnswer = (
    InstanceAnswer
    | InstancesAnswer
    | TokenAnswer
    | RevokedAnswer
    | MetadataAnswer
    | HealthAnswer
    | EventsAnswer
    | ErrorAnswer
)
