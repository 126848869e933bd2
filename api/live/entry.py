"""Entry: who may listen. The same rules as those of :mod:`api.guard`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.typing import Subprotocol

from api.guard import check_host, check_token
from bus.errors import Forbidden, InvalidRequest
from bus.settings import is_loopback

PROTOCOL = Subprotocol("pblm.v1")
"""The subprotocol that is spoken."""
TOKEN_PROTOCOL = "pblm.token."  # noqa: S105
"""What a browser, which cannot set headers, offers beside it: this and the token in base64url."""


class Entry:
    """Asks for the token; without one, keeps pages of strangers out."""

    def __init__(self, token: str | None, *, api_port: int) -> None:
        """Pages from ``api_port`` of this machine are our own: the dashboard."""
        self._token = None if token is None else token.strip().encode()
        self._api_port = api_port

    def check(self, headers: Headers) -> None:
        """Raise :class:`Unauthorized` or :class:`Forbidden` for those who may not."""
        if self._token is not None:
            check_token(_token_of(headers), self._token)
            return
        host = _split(f"//{_only(headers, 'Host') or ''}", "Host")
        check_host(host.hostname or "")
        origin = _only(headers, "Origin")
        if origin is not None and not self._is_ours(_split(origin, "Origin")):
            raise Forbidden(f"Forbidden: a page of {origin!r} may not listen here")

    def _is_ours(self, origin: SplitResult) -> bool:
        default = {"http": 80, "https": 443}.get(origin.scheme)
        ours = (origin.port or default) == self._api_port
        return default is not None and ours and is_loopback(origin.hostname or "")


def choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Return the subprotocol that is spoken, if it was offered; the token is never sent back."""
    return PROTOCOL if PROTOCOL in offered else None


def _token_of(headers: Headers) -> bytes:
    scheme, _, token = (_only(headers, "Authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip().encode("latin-1", "replace")
    for offered in (_only(headers, "Sec-WebSocket-Protocol") or "").split(","):
        if offered.strip().startswith(TOKEN_PROTOCOL):
            text = offered.strip().removeprefix(TOKEN_PROTOCOL)
            try:
                return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            except (binascii.Error, ValueError):
                return b""
    return b""


def _only(headers: Headers, name: str) -> str | None:
    values = headers.get_all(name)
    if len(values) > 1:
        raise InvalidRequest(f"The header {name} is given more than once")
    return values[0] if values else None


def _split(url: str, header: str) -> SplitResult:
    try:
        split = urlsplit(url)
        split.port  # noqa: B018 # it is only now that a bad port is told
    except ValueError:
        raise InvalidRequest(f"The header {header} is no address: {url!r}") from None
    return split
