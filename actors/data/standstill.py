"""Standstill: no process serves a user's data, so that they can be moved or exchanged."""

from __future__ import annotations

from collections.abc import Callable

from actors.data.orders import Disown, LetUserGo, StandStill, TakeUser
from actors.lifecycle import Lifecycle
from bus.errors import Conflict, Unavailable
from bus.states import Status


class Hold:
    """Nothing is begun with an instance that stands still for a move, until that is decided.

    Who was let in before the move began may come later, and would run it again.
    """

    def __init__(self) -> None:
        self._reason: str | None = None

    def check(self, message: object) -> None:
        """Mind what a request or an order means for it; raise :class:`Unavailable`: not now."""
        match message:
            case StandStill(reason=reason):
                self._reason = reason
            case TakeUser():
                self._reason = None
            case Disown() | LetUserGo():
                pass
            case _ if self._reason is not None:
                raise Unavailable(self._reason, retry_after=1)


def stand_still(life: Lifecycle, reason: str, settled: Callable[[], None]) -> None:
    """Have no process; whoever waits for it to run is refused with the reason.

    ``settled`` is called at once when nothing has to be done for it. Else the lifecycle tells when
    it is so, as it tells every end.
    """
    life.waiters.refuse(life.waiters.running, Conflict(reason))
    if life.process is not None:
        if life.keeper.status is not Status.STOPPING:
            life.begin_stop(reason)
    elif life.keeper.status is not Status.STOPPED:
        life.settle_stopped(reason)
    else:
        settled()
