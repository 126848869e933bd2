"""What goes to the listeners beside the events themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from bus.events import Event, InstanceEvent, InstanceRenamed, UsageSampled
from bus.instance import Instance

PART = 100
"""Instances in one message: a fleet of any size comes in messages that small clients take."""


class SnapshotPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="snapshot"):
    """Some of all instances; ``part`` counts from 1 to ``parts``."""

    v: Literal[1] = 1
    epoch: str
    seq: int
    part: int
    parts: int
    instances: dict[str, Instance]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it goes over the wire, written once for all who get it."""

    seq: int
    text: bytes
    users: frozenset[str]
    """Whom it is about; empty: the manager, or the bus."""
    is_usage: bool = False
    """Something was measured: for those only who ask for it."""

    @classmethod
    def of(cls, event: Event) -> Told:
        """Write ``event`` down."""
        return cls(
            seq=event.seq,
            text=msgspec.json.encode(event),
            users=frozenset(_users(event)),
            is_usage=isinstance(event, UsageSampled),
        )


def _users(event: Event) -> Iterator[str]:
    if isinstance(event, InstanceEvent | UsageSampled):
        yield event.user_id
    if isinstance(event, InstanceRenamed):
        yield event.to


def snapshot(epoch: str, seq: int, instances: dict[str, Instance]) -> list[bytes]:
    """Write a snapshot down, in parts; one without instances has one empty part."""
    users = list(instances)
    starts = range(0, len(users), PART) or range(1)
    return [
        msgspec.json.encode(
            SnapshotPart(
                epoch=epoch,
                seq=seq,
                part=number,
                parts=len(starts),
                instances={user: instances[user] for user in users[start : start + PART]},
            )
        )
        for number, start in enumerate(starts, start=1)
    ]
