"""The bodies of the answers over HTTP, and how they are written."""

from __future__ import annotations

from typing import Literal

import falcon
import msgspec

from bus.answers import Answer
from bus.instance import Instance


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """What every failed call is answered with."""

    success: Literal[False] = False
    code: str
    """The code of the error: what programs go by."""
    message: str
    instance: Instance | None = None
    """The instance that it is about, as it was then."""


class InstanceReply(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with an instance."""

    success: Literal[True] = True
    message: str
    instance: Instance | None


def write(resp: falcon.Response, body: msgspec.Struct) -> None:
    """Answer with ``body``; one of the bus loses what only the bus needs."""
    resp.content_type = falcon.MEDIA_JSON
    if isinstance(body, Answer):
        resp.data = msgspec.json.encode(body.told())
    else:
        resp.data = msgspec.json.encode(body)
