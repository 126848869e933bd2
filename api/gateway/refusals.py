"""Refusals: what a caller is told who does not get through, in PocketBase's shape."""

from __future__ import annotations

from aiohttp import web


class Refusal(Exception):
    """The request is not passed on."""

    def __init__(self, status: int, message: str, again: str | None = None) -> None:
        """``again`` is for ``Retry-After``, in seconds."""
        super().__init__(message)
        self.status = status
        self.again = again

    def answer(self) -> web.Response:
        """Return what the caller is told."""
        headers = {} if self.again is None else {"Retry-After": self.again}
        body = {"code": self.status, "message": str(self), "data": {}}
        return web.json_response(body, status=self.status, headers=headers)


def absent() -> Refusal:
    """Nobody has that label."""
    return Refusal(404, "There is no such instance.")


def later(again: str) -> Refusal:
    """It cannot be started now."""
    return Refusal(503, "The instance cannot be started now.", again)


def busy() -> Refusal:
    """Too much was asked for."""
    return Refusal(429, "Too many requests.", "10")


def too_large() -> Refusal:
    """More than is let through."""
    return Refusal(413, "The body is too large.")


def odd() -> Refusal:
    """It is for nothing that this door could lead to."""
    return Refusal(400, "The request is for no path.")


def superuser() -> Refusal:
    """Not by this door."""
    return Refusal(403, "Superusers do not sign in here.")


def broken() -> Refusal:
    """It died before it answered."""
    return Refusal(502, "The instance ended before it answered.")
