"""Telling an actor something that may come too late."""

from __future__ import annotations

import contextlib
from typing import Any

import pykka


def tell(actor: pykka.ActorRef[Any], message: object) -> None:
    """Tell an actor, from any thread; nothing when it has ended."""
    with contextlib.suppress(pykka.ActorDeadError):
        actor.tell(message)
