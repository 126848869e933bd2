"""Standstill: no process serves a user's data, so that they can be moved or exchanged."""

from __future__ import annotations

from collections.abc import Callable

from actors.lifecycle import Lifecycle
from bus.errors import Conflict
from bus.states import Status


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
