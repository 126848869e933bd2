"""What a setting is: its variable, what it takes, how its text is read."""

from __future__ import annotations

import functools
import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from bus.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Group:
    """Base of the groups of settings. Each checks what one field alone cannot tell."""

    TITLE: ClassVar[str]
    """Its heading in the reference."""

    def __post_init__(self) -> None:
        """Raise :class:`SettingsError` for what does not go together; call ``super`` first."""


def setting(
    name: str,
    takes: str,
    parse: Callable[[str], Any],
    default: Any,
    shown: str = "",
    *,
    secret: bool = False,
) -> Any:
    """Return the field of a group of settings that is read from variable ``name``.

    ``takes`` says what is taken, to people; ``parse`` raises :class:`ValueError` for the rest. A
    ``default`` that is callable makes the value; ``shown`` is what the reference says of it. The
    value of a ``secret`` one is never shown.
    """
    metadata = {
        "name": name,
        "takes": takes,
        "parse": parse,
        "shown": shown or str(default),
        "secret": secret,
    }
    if callable(default):
        return field(default_factory=default, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def refusal(name: str, value: str, takes: str) -> SettingsError:
    """Return the error that names the variable, its value and what it takes."""
    return SettingsError(f"{name}={value!r}: takes {takes}")


def port(text: str) -> int:
    """Read a TCP port."""
    value = int(text)
    if not 1 <= value <= 65535:
        raise ValueError
    return value


def seconds(text: str) -> float:
    """Read a time of more than nothing, up to a day."""
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= 86_400):
        raise ValueError
    return value


def grace(text: str) -> float:
    """Read a time of any length, in seconds."""
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError
    return value


def text(text: str) -> str:
    """Read what is not empty."""
    text.encode()  # a ValueError where the environment holds other bytes than UTF-8
    if not text.strip():
        raise ValueError
    return text


def directory(name: str) -> Path:
    """Read a path; ``~`` is the user's own directory."""
    try:
        return Path(text(name)).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError from error


def at_least(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from ``least`` on."""

    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise ValueError
        return value

    return parse


def between(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from ``least`` to ``most``."""
    parse_least = at_least(least)

    def parse(text: str) -> int:
        value = parse_least(text)
        if value > most:
            raise ValueError
        return value

    return parse


count = at_least(1)
"""Reads a whole number from 1 on."""


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of exactly these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return parse


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine only."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
