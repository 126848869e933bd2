"""Requests: the manager itself."""

from __future__ import annotations

from bus.requests.base import Request


class GetHealth(Request, frozen=True, kw_only=True, tag=True):
    """How the manager itself is; with ``write`` it also tries whether the registry takes that."""

    write: bool = False


class GetEvents(Request, frozen=True, kw_only=True, tag=True):
    """The events of ``epoch`` after number ``after``: what a subscriber missed."""

    epoch: str
    after: int
