"""When a user's instance may be put to sleep."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Literal

import msgspec

from bus.errors import InvalidRequest

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_WINDOWS = 20

_TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_Seconds = Annotated[float, msgspec.Meta(ge=1, le=31_536_000)]


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time of the week in which the instance stays awake.

    One that ends at or before its ``start`` ends on the next day; its ``days`` are those on which
    it begins.
    """

    days: list[Day] = msgspec.field(default_factory=lambda: list(DAYS))
    start: _TimeOfDay
    end: _TimeOfDay
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Raise :class:`InvalidRequest` for a time zone that this machine does not know."""
        _zone(self.timezone)

    def contains(self, moment: datetime) -> bool:
        """Whether ``moment`` lies in the window."""
        local = moment.astimezone(_zone(self.timezone))
        time = f"{local:%H:%M}"
        today = DAYS[local.weekday()] in self.days
        if self.start < self.end:
            return today and self.start <= time < self.end
        yesterday = DAYS[(local - timedelta(days=1)).weekday()] in self.days
        return (today and time >= self.start) or (yesterday and time < self.end)

    def __str__(self) -> str:
        days = "every day" if tuple(self.days) == DAYS else ", ".join(self.days)
        return f"{days} {self.start} to {self.end} {self.timezone}"


class SleepPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was decided for one user; the rest is as ``PB_IDLE_TIMEOUT`` has it."""

    idle_timeout: _Seconds | None = None
    """Sleep after so many seconds without activity, instead of after ``PB_IDLE_TIMEOUT``."""
    pinned: bool = False
    """Never sleep."""
    never: Annotated[list[Window], msgspec.Meta(max_length=MAX_WINDOWS)] = []
    """Do not sleep at these times."""

    def window_at(self, moment: datetime) -> Window | None:
        """Return a window that forbids sleep at ``moment``, if there is one."""
        return next((window for window in self.never if window.contains(moment)), None)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise InvalidRequest(f"timezone={name!r}: takes a name such as Europe/Berlin") from error
