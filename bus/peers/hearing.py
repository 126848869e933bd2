"""Hearing: how far another host's story was heard, and what is missing of it. Touches no socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from bus.peers.messages import Beyond, Mark

LONGEST_WAIT = 10_000
"""Events that are held back until those before them have come; beyond, the story begins anew."""

Told = tuple[Mark, bytes]


class Hearing:
    """The place of one listener in one host's story."""

    def __init__(self) -> None:
        self._epoch = ""
        self._seq = 0
        self._asked = False
        self._held: deque[Told] = deque()

    @property
    def gap(self) -> Beyond | None:
        """What is to be asked for now; None: nothing is missing, or it was asked for already."""
        if self._asked or not self._held:
            return None
        self._asked = True
        return Beyond(epoch=self._epoch, after=self._seq)

    def begins(self, mark: Mark) -> bool:
        """Whether the story begins with ``mark``, since this is another life of that host."""
        if mark.epoch == self._epoch:
            return False
        self._begin(mark.epoch, mark.seq - mark.numbered)
        return True

    def take(self, mark: Mark, body: bytes) -> Iterator[bytes]:
        """Yield what can be passed on, now that ``body`` has come."""
        if not self._held and mark.seq == self._seq + mark.numbered:
            self._seq = mark.seq
            yield body
        elif mark.seq > self._seq:
            self._held.append((mark, body))

    def fill(self, missed: list[Told]) -> Iterator[bytes]:
        """Yield what was missed and asked for, and what was held back for its sake."""
        held, self._held, self._asked = self._held, deque(), False
        for mark, body in [*missed, *held]:
            yield from self.take(mark, body)

    def unanswered(self) -> None:
        """What was asked for did not come: it will be asked for again."""
        self._asked = False

    def lose(self, epoch: str, head: int) -> Iterator[bytes]:
        """What is missing is not kept any more: yield what was held back from after ``head`` on."""
        held = list(self._held)
        self._begin(epoch, head)
        for mark, body in held:
            yield from self.take(mark, body)

    @property
    def overrun(self) -> bool:
        """Whether too much is held back."""
        return len(self._held) > LONGEST_WAIT

    def _begin(self, epoch: str, seq: int) -> None:
        self._epoch, self._seq, self._asked = epoch, seq, False
        self._held.clear()
