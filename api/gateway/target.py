"""Target: which host and path a request is for (RFC 9112, section 3.2)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from api.gateway.refusals import odd


class Target(NamedTuple):
    """What a request is for."""

    authority: str
    """Host, and port if there is one."""
    path: str
    """With its query, as the caller wrote it; ``*``: the door itself."""


def target_of(request: web.BaseRequest) -> Target:
    """Return the target; raise :class:`Refusal` for one that is none.

    In the absolute form the request names the host, whatever the field ``Host`` says. Everything
    else begins with a slash, or would be part of an address that is put together with it.
    """
    target = request.raw_path
    if target.startswith("/") or (target == "*" and request.method == "OPTIONS"):
        return Target(request.host, target)
    try:
        parts = urlsplit(target)
    except ValueError:
        raise odd() from None
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise odd()
    _, _, behind = target.partition("//")
    path = behind[len(parts.netloc) :]
    return Target(parts.netloc, path if path.startswith("/") else f"/{path}")
