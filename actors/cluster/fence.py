"""Fence: whether this host may run anybody's PocketBase just now."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from actors.clock import boottime
from bus.causes import Cause
from bus.errors import ProcessError


class Fence:
    """Shut until the host has joined, and again when its membership is not proven in time."""

    def __init__(self, now: Callable[[], float] = boottime) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._incarnation: int | None = None
        self._until = 0.0
        self._held: str | None = None

    def hold(self, why: str | None) -> None:
        """Let nobody in for that reason, too; None: it is over."""
        with self._lock:
            self._held = why

    def open(self, incarnation: int, until: float) -> None:
        """Let in whoever was claimed under this membership, until then."""
        with self._lock:
            self._incarnation, self._until = incarnation, until

    def extend(self, until: float) -> None:
        """The membership was proven again."""
        with self._lock:
            if self._incarnation is not None:
                self._until = until

    def shut(self) -> None:
        """Let nobody in; returns when nobody is on the way in."""
        with self._lock:
            self._incarnation = None

    @contextlib.contextmanager
    def passing(self, incarnation: int | None) -> Iterator[None]:
        """Start a process within this block, for a user claimed under that membership.

        Under the same lock as all else, so that a membership cannot end between the look and the
        start. Raises :class:`ProcessError`.
        """
        with self._lock:
            if incarnation is None or incarnation != self._incarnation:
                raise _refusal("it was claimed by a host that was lost since, even if it was this")
            if self._now() >= self._until:
                raise _refusal("etcd does not answer")
            if self._held is not None:
                why = f"Process error: {self._held}"
                raise ProcessError(why, cause=Cause.REPLICA_BEHIND)
            yield


def _refusal(why: str) -> ProcessError:
    return ProcessError(f"Process error: this host may not run it: {why}", cause=Cause.NOT_OWNER)
