"""A proof of membership whose answer comes late, and when the next one is due then."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from actors.cluster.coordination import Membership
from tests.cluster.test_vanished import TTL, Paperhouse, begun
from tests.house.surroundings import PATIENCE

JOIN, RENEWAL = 1, 2
"""What the engine is asked first, and then."""


class Late:
    """An engine's answers, of which one takes most of the time of a lease; and the clock."""

    def __init__(self, late: int) -> None:
        self.now = 0.0
        self.answered: SimpleQueue[int] = SimpleQueue()
        self._late = late
        self._count = 0

    def answer(self, member: Membership) -> None:
        self._count += 1
        if self._count == self._late:
            self.now += 0.7 * TTL
        self.answered.put(self._count)

    def await_answer(self, number: int) -> None:
        while self.answered.get(timeout=PATIENCE) != number:
            pass


@pytest.mark.parametrize("late", [JOIN, RENEWAL])
def test_after_a_late_answer_the_next_renewal_comes_at_once(late: int) -> None:
    """The deadline counts from when the last was sent: with a whole pause it would be too late."""
    engine = Late(late)
    house = Paperhouse(now=lambda: engine.now)
    house.engine.before_answer = engine.answer
    with begun(house) as member:
        if late == RENEWAL:
            house.keeper.fenced()  # so that it renews now
        engine.await_answer(late + 1)
        assert house.keeper.member == member
        assert house.lost.empty()
