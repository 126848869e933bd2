"""UsageBook: what was measured of each instance, in memory."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Set
from datetime import UTC, datetime

import msgspec

from bus.instance import Instance
from bus.usage import Usage, UsagePoint

POINTS = 360
"""Points that are kept of each instance: an hour with the default interval."""
_WIDTH = 4
"""Numbers of one point: time, CPU, memory, connections."""


class Curve:
    """The latest points of one instance, 32 bytes each."""

    def __init__(self) -> None:
        self._numbers = array("d")

    def add(self, usage: Usage) -> None:
        """Add the newest point; the oldest one goes when there are too many."""
        numbers = (usage.cpu_percent, usage.memory_bytes, usage.connections)
        self._numbers.append(usage.sampled_at.timestamp())
        self._numbers.extend(math.nan if number is None else number for number in numbers)
        if len(self._numbers) > POINTS * _WIDTH:
            del self._numbers[:_WIDTH]

    def points(self) -> list[UsagePoint]:
        """Return the points, oldest first."""
        rows = zip(*(self._numbers[start::_WIDTH] for start in range(_WIDTH)), strict=True)
        return [
            UsagePoint(
                at=datetime.fromtimestamp(at, UTC),
                cpu_percent=None if math.isnan(cpu) else cpu,
                memory_bytes=_whole(memory),
                connections=_whole(connections),
            )
            for at, cpu, memory, connections in rows
        ]


class UsageBook:
    """The latest look at each instance, and its curve. The monitor writes, any thread reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[str, Usage] = {}
        self._curves: dict[str, Curve] = {}

    def latest(self, user_id: str) -> Usage | None:
        """What was seen last of the user's instance; None: nothing yet."""
        return self._latest.get(user_id)

    def beside(self, instance: Instance) -> Instance:
        """Return ``instance`` with what was seen of it last."""
        return msgspec.structs.replace(instance, usage=self._latest.get(instance.user_id))

    def all(self) -> dict[str, Usage]:
        """What was seen last of every instance."""
        with self._lock:
            return dict(self._latest)

    def points(self, user_id: str) -> list[UsagePoint]:
        """The curve of the user's instance, oldest point first."""
        with self._lock:
            curve = self._curves.get(user_id)
            return [] if curve is None else curve.points()

    def note(self, user_id: str, usage: Usage) -> None:
        """Remember a look; it is a point of the curve when there was a process to look at."""
        with self._lock:
            self._latest[user_id] = usage
            if usage.cpu_seconds is not None:
                self._curves.setdefault(user_id, Curve()).add(usage)

    def keep_only(self, user_ids: Set[str]) -> None:
        """Forget everybody else."""
        with self._lock:
            for user_id in self._latest.keys() - user_ids:
                del self._latest[user_id]
                self._curves.pop(user_id, None)


def _whole(number: float) -> int | None:
    return None if math.isnan(number) else int(number)
