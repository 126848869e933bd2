"""What is said of a call: a table of these stands beside each resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bus.errors import PblmError


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query parameter; ``type`` is anything that msgspec knows."""

    type: Any
    meaning: str
    default: Any = None
    """None: it is not sent, or the meaning says what it is then."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no error."""

    what: str
    body: Any = None
    """A type that msgspec knows; None with another ``media`` than JSON: a text."""
    media: str = "application/json"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What each header says."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One call, such as ``POST /api/users/{user_id}/init_pb``."""

    call: str
    summary: str
    details: str = ""
    group: str
    """The heading under which it is shown."""
    query: Mapping[str, Query] = msgspec.field(default_factory=dict)
    body: Any = None
    """The type of the body; None: there is none, and one that is sent is not looked at."""
    body_required: bool = False
    body_media: str = "application/json"
    """Of another one than JSON, nothing more is said."""
    replies: Mapping[int, Reply]
    errors: tuple[type[PblmError], ...] = ()
    """Beside those that every call can end with: see :func:`api.openapi.errors.errors_of`."""

    @property
    def method(self) -> str:
        """In capitals."""
        return self.call.partition(" ")[0]

    @property
    def path(self) -> str:
        """The template of the path."""
        return self.call.partition(" ")[2]
