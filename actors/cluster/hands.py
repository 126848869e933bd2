"""Hands: how a claimed user's row and data get to where its actor finds them."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from actors import proc
from actors.data.orders import LetUserGo, Order, TakeUser
from actors.data.ownership import let_go
from actors.data.transfers import take_in, take_over
from actors.facts import Reply
from actors.services import Services
from actors.status import StatusKeeper
from bus.answers import Answer, ErrorAnswer
from bus.errors import Unavailable

PATIENCE = 60.0
"""Seconds that an actor may take: it may have to end a process, which is killed before that."""

LOOK = 0.25
"""Seconds between two looks whether the manager ends."""

log = logging.getLogger(__name__)


class Hands(Protocol):
    """Each raises :class:`bus.errors.PblmError` when it cannot be done."""

    def take(self, order: TakeUser) -> None:
        """Have the user be this host's."""

    def let_go(self, user_id: str, reason: str) -> None:
        """Have it not be this host's; its data are set aside."""


class LiveHands:
    """While the actors live: they do it."""

    def __init__(self, order: Callable[[Order, Reply], None]) -> None:
        self._order = order
        self._closed = threading.Event()

    def close(self) -> None:
        """Wait for no actor any more."""
        self._closed.set()

    def take(self, order: TakeUser) -> None:
        """See :class:`Hands`."""
        self._carry_out(order)

    def let_go(self, user_id: str, reason: str) -> None:
        """See :class:`Hands`."""
        self._carry_out(LetUserGo(user_id=user_id, reason=reason))

    def _carry_out(self, order: Order) -> None:
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._order(order, answers.put)
        answer = self._awaited(answers)
        if answer is None:
            raise Unavailable(f"The actor of {order.user_id} does not answer")
        if isinstance(answer, ErrorAnswer):
            raise answer.error()

    def _awaited(self, answers: queue.SimpleQueue[Answer]) -> Answer | None:
        for _ in range(math.ceil(PATIENCE / LOOK)):
            with contextlib.suppress(queue.Empty):
                return answers.get(timeout=LOOK)
            if self._closed.is_set():
                break
        return None


class EarlyHands:
    """Before there is any actor: done by whoever asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def take(self, order: TakeUser) -> None:
        """See :class:`Hands`."""
        keeper = StatusKeeper(order.user_id, self._services)
        if keeper.known:
            take_over(order, keeper, self._services)
        else:
            take_in(order, self._services)

    def let_go(self, user_id: str, reason: str) -> None:
        """See :class:`Hands`."""
        let_go(self._services, StatusKeeper(user_id, self._services))


class ChangingHands:
    """Early as long as there is no actor, live from :meth:`begin` on; never both at a time."""

    def __init__(self, services: Services) -> None:
        self._early: EarlyHands | None = EarlyHands(services)
        self._live = LiveHands(services.order)
        self._lock = threading.Lock()

    @property
    def live(self) -> bool:
        """Whether the actors have begun."""
        return self._early is None

    def begin(self) -> None:
        """The actors begin: nobody else writes what is theirs from now on."""
        with self._lock:
            self._early = None

    def close(self) -> None:
        """Wait for no actor any more."""
        self._live.close()

    def take(self, order: TakeUser) -> None:
        """See :class:`Hands`."""
        with self._lock:
            if self._early is not None:
                self._early.take(order)
                return
        self._live.take(order)

    def let_go(self, user_id: str, reason: str) -> None:
        """See :class:`Hands`."""
        with self._lock:
            if self._early is not None:
                self._early.let_go(user_id, reason)
                return
        self._live.let_go(user_id, reason)


def end_all(services: Services) -> None:
    """End every PocketBase that serves a directory here: those of a manager without a cluster.

    What a member of the cluster had started, the guard has killed already.
    """
    for directory, served in list(proc.serving(services.layout.root)):
        for identity in {served, proc.identify(proc.leader(served.pid)) or served}:
            process = services.processes.adopt(identity, Path(os.devnull))
            if process is not None:
                log.warning("pid %d serves %s unguarded: killed", process.pid, directory)
                ended = threading.Event()
                process.watch(lambda status, ended=ended: ended.set())  # type: ignore[misc]
                process.kill()
                ended.wait(PATIENCE)
