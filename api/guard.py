"""Who may come in."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

import falcon

from bus.errors import Forbidden, InvalidRequest, Unauthorized
from bus.settings import is_loopback


class Guard:
    """Middleware: asks for the token, and keeps web pages of strangers out.

    Without a token the API is reachable from this machine only, but also by every page that a
    browser on this machine shows. Such a page gives itself away: by its ``Origin``, or, after
    rebinding its own name to loopback, by the ``Host`` it asks for.
    """

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.strip().encode()

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raise :class:`Unauthorized` or :class:`Forbidden` for those who may not."""
        if self._token is None:
            self._check_origin(req)
        elif req.path.startswith("/api/") or req.path == "/metrics":
            self._check_token(req, self._token)

    def may_upload(self, headers: Mapping[str, str]) -> bool:
        """Whether one with these headers may send a large body; asked before it comes in."""
        if self._token is None:
            return "ORIGIN" not in headers  # no page of anybody sends archives
        return hmac.compare_digest(_bearer(headers.get("AUTHORIZATION", "")), self._token)

    def _check_token(self, req: falcon.Request, token: bytes) -> None:
        check_token(_bearer(req.get_header("Authorization") or ""), token)

    def _check_origin(self, req: falcon.Request) -> None:
        try:
            host = req.host
        except ValueError:
            raise InvalidRequest(f"Host header {req.netloc!r} has no valid port") from None
        check_host(host)
        origin = req.get_header("Origin")
        if origin is not None and origin.partition("://")[2] != req.netloc:
            raise Forbidden(f"Forbidden: a page of {origin!r} may not use this API")


def check_token(given: bytes, token: bytes) -> None:
    """Raise :class:`Unauthorized` unless ``given`` is the token; takes as long for any."""
    if not hmac.compare_digest(given, token):
        raise Unauthorized("Unauthorized: send the header `Authorization: Bearer PB_API_TOKEN`")


def check_host(host: str) -> None:
    """Raise :class:`Forbidden` unless the host that was asked for is this machine."""
    if not is_loopback(host):
        raise Forbidden(
            f"Forbidden: host {host!r} is not this machine; use http://127.0.0.1, "
            "or set PB_API_TOKEN"
        )


def _bearer(header: str) -> bytes:
    """Return what is given as the token, or nothing."""
    scheme, _, given = header.partition(" ")
    # WSGI hands the bytes of a header over as Latin-1, whatever they are.
    return given.encode("latin-1", "replace").strip() if scheme.lower() == "bearer" else b""
