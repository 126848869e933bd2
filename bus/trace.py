"""Trace: which call of the outside is being served, so that its lines can be found together.

The request id comes in with the HTTP header ``X-Request-ID`` or as a frame of a request on the bus,
belongs to a thread while that serves the call, and goes along in ``actors.facts.Asked``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_REQUEST_ID = 64
"""The longest request id that is taken over, in characters."""
_SANE = re.compile(rf"[A-Za-z0-9._:@/+=-]{{1,{MAX_REQUEST_ID}}}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """Return the id of the request that this thread serves; nothing when it serves none."""
    return _current.get()


def new_request_id() -> str:
    """Return one that nobody else has."""
    return uuid.uuid4().hex


def is_sane(text: str) -> bool:
    """Whether ``text`` may be taken over: it goes into logs and headers as it is."""
    return _SANE.fullmatch(text) is not None


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Have this thread serve the request with this id meanwhile."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)
