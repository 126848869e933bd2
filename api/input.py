"""What callers send, read and checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

import falcon
import msgspec

from bus.errors import InvalidRequest

MAX_BODY = 64 * 1024
"""The largest body that is read, in bytes."""
MAX_WAIT = 300.0
"""The longest that a call may wait, in seconds."""

_T = TypeVar("_T")


def read_body(req: falcon.Request, body_type: type[_T]) -> _T:
    """Return the JSON body; none is the same as ``{}``.

    Raises :class:`InvalidRequest` when it is no JSON or does not fit ``body_type``. The content
    type is not looked at: a forgotten header must not turn a good body into a bad one.
    """
    raw = req.bounded_stream.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise InvalidRequest(f"The body is longer than {MAX_BODY} bytes")
    try:
        return msgspec.json.decode(raw.strip() or b"{}", type=body_type)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The body does not fit: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}") from error


def read_query(req: falcon.Request, known: Collection[str] = ()) -> dict[str, str]:
    """Return the query, or raise :class:`InvalidRequest` when it has what is not ``known``."""
    query: dict[str, str] = {}
    for name, value in req.params.items():
        if name not in known:
            takes = ", ".join(sorted(known)) or "no query"
            raise InvalidRequest(f"Unknown query parameter {name!r}: this call takes {takes}")
        if not isinstance(value, str):
            raise InvalidRequest(f"Query parameter {name!r} is given more than once")
        query[name] = value
    return query


def read_count(query: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """Return the whole number that parameter ``name`` has, or its default."""
    text = query.get(name)
    if text is None:
        return default
    try:
        count = int(text)
    except ValueError:
        count = least - 1
    if not least <= count <= most:
        raise InvalidRequest(f"{name}={text!r}: takes {least} to {most}")
    return count


def read_wait(text: str | None, default: float, *, longest: float = MAX_WAIT) -> float:
    """Return for how many seconds the caller waits; 0 is not at all."""
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= longest:
        raise InvalidRequest(f"wait={text!r}: takes seconds from 0 to {longest:g}")
    return seconds


def read_flag(text: str | None, name: str) -> bool:
    """Return whether query parameter ``name`` is ``true``; without it, it is not."""
    if text not in (None, "true", "false"):
        raise InvalidRequest(f"{name}={text!r}: takes true or false")
    return text == "true"
