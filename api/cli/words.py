"""Values as people read them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.events import Event, InstanceEvent, StatusChanged

_COMMON = frozenset(
    {*InstanceEvent.__struct_fields__, *Event.__struct_fields__, "reason", "instance"}
)


def duration(begin: datetime, end: datetime) -> str:
    """Return how long it is from ``begin`` to ``end``, in its two largest units."""
    seconds = max(0, int((end - begin).total_seconds()))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number or parts:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or "0s"


def clock_time(at: datetime) -> str:
    """Return a moment, in the time of this machine."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def one_line(text: str, width: int = 100) -> str:
    """Return the text in one line of at most ``width``."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def whom(event: Event) -> str:
    """Return whom an event is about."""
    return event.user_id if isinstance(event, InstanceEvent) else "(manager)"


def what_happened(event: Event) -> str:
    """Return what an event says: any event, also one that this page has never heard of."""
    reason = getattr(event, "reason", "")
    if isinstance(event, StatusChanged):
        return f"{event.old or 'new'} -> {event.status}: {reason}"
    tag = str(event.__struct_config__.tag).replace("_", " ")
    own = {
        name: value
        for name, value in msgspec.to_builtins(event).items()
        if name not in _COMMON and name != "event" and value is not None
    }
    told = [f"{name}={value}" for name, value in own.items()]
    return ": ".join(filter(None, (tag, reason, " ".join(told))))


def size(number: int | None) -> str:
    """Return bytes in the largest unit that leaves a whole part; a dash: it is not known."""
    if number is None:
        return "-"
    value, unit = float(number), "B"
    for larger in ("K", "M", "G", "T"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f}{unit}" if unit == "B" or value >= 100 else f"{value:.1f}{unit}"


def percent(number: float | None) -> str:
    """Return a percentage; a dash: it is not known."""
    return "-" if number is None else f"{number:.1f}%"
