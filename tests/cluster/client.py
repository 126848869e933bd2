"""A user's own program in a cluster: writes where the hosts have agreed that its PocketBase is.

It also goes on writing wherever that was before, as a client does that has not heard: so two
owners that both acknowledge are found out.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from actors.clock import boottime
from actors.cluster.directory import Place, State
from tests.chaos.rest import Rest
from tests.chaos.writer import PATH, value_of

TIMEOUT = 2.0


@dataclass(frozen=True, kw_only=True)
class Ack:
    """A write that was acknowledged."""

    number: int
    host: str
    epoch: int
    sent: float
    at: float
    routed: bool
    """Whether the hosts had agreed, as last heard, that it runs there: nobody is sent elsewhere."""


class Client:
    """Writes from a thread of its own, every ``pause`` seconds."""

    def __init__(
        self,
        place_of: Callable[[str], Place | None],
        user: str,
        token: str,
        *,
        pause: float = 0.02,
    ) -> None:
        """``place_of`` says whose a user is, as last heard."""
        self.user = user
        self.acks: list[Ack] = []
        self.refused = 0
        self._place_of = place_of
        self._token = token
        self._pause = pause
        self._known: dict[int, Place] = {}
        self._gone: set[int] = set()
        self._number = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"client of {user}", daemon=True)

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop writing."""
        self._end.set()
        self._thread.join()

    def outages(self, since: int = 0) -> list[float]:
        """The times between one acknowledgement and the next, in seconds.

        From the ``since``-th on.
        """
        times = sorted(ack.at for ack in self.acks[max(0, since - 1) :])
        return [after - before for before, after in itertools.pairwise(times)]

    def overlaps(self) -> list[tuple[Ack, Ack]]:
        """Acknowledgements of one owner after the next one's first."""
        first: dict[int, Ack] = {}
        for ack in self.acks:
            first.setdefault(ack.epoch, ack)
        return [
            (ack, later)
            for ack in self.acks
            for epoch, later in first.items()
            if epoch > ack.epoch and later.at < ack.sent
        ]

    def _run(self) -> None:
        while not self._end.wait(self._pause):
            self._look()
            for place in list(self._known.values()):
                self._write(place)

    def _look(self) -> None:
        place = self._place_of(self.user)
        if place is not None and place.state is State.RUNNING and place.epoch not in self._gone:
            self._known = {  # who listens where another owner did is that one no more
                epoch: each for epoch, each in self._known.items() if each.address != place.address
            }
            self._known[place.epoch] = place

    def _is_current(self, place: Place) -> bool:
        found = self._place_of(self.user)
        return found is not None and (found.epoch, found.state) == (place.epoch, State.RUNNING)

    def _write(self, place: Place) -> None:
        assert place.address is not None
        self._number += 1
        number, sent = self._number, boottime()
        note = {"owner": self.user, "number": number, "value": value_of(self.user, number)}
        host, _, port = place.address.rpartition(":")
        rest = Rest(int(port), timeout=TIMEOUT, token=self._token, host=host)
        try:
            status, _ = rest.call("POST", PATH, note)
        except ConnectionError:
            status = 0
        finally:
            rest.close()
        if status == 200:
            ack = Ack(
                number=number,
                host=place.host,
                epoch=place.epoch,
                sent=sent,
                at=boottime(),
                routed=self._is_current(place),
            )
            self.acks.append(ack)
            return
        self.refused += 1
        if place.epoch < max(self._known):  # it is gone for good
            self._known.pop(place.epoch)
            self._gone.add(place.epoch)
