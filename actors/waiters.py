"""Waiters: who waits for an answer from one user's actor."""

from __future__ import annotations

from collections.abc import Callable

from actors.facts import Reply
from bus.answers import Answer, ErrorAnswer, InstanceAnswer
from bus.errors import PblmError
from bus.instance import Instance


class Waiters:
    """Those who wait for the instance to run, to be stopped, or to be asleep."""

    def __init__(self, instance: Callable[[], Instance | None]) -> None:
        """``instance`` gives the instance as it is when the answer is written."""
        self._instance = instance
        self.running: list[Reply] = []
        self.stopped: list[Reply] = []
        self.asleep: list[Reply] = []

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self.running or self.stopped or self.asleep)

    def keep(self, reply: Reply) -> None:
        """Have one more wait, unless it does already."""
        if reply not in (*self.running, *self.stopped, *self.asleep):
            self.running.append(reply)

    def answer(self, replies: list[Reply]) -> None:
        """Answer all of them with the instance, and forget them."""
        answer = InstanceAnswer(instance=self._instance())
        for reply in _taken(replies):
            reply(answer)

    def refuse(self, replies: list[Reply], error: PblmError) -> None:
        """Answer all of them with ``error``, and forget them."""
        error.instance = error.instance or self._instance()
        answer = ErrorAnswer.of(error)
        for reply in _taken(replies):
            reply(answer)

    def carry_out(self, reply: Reply, work: Callable[[], Answer]) -> None:
        """Answer with what ``work`` returns, or with the error that it raises."""
        try:
            reply(work())
        except PblmError as error:
            self.refuse([reply], error)
        except Exception:
            self.keep(reply)  # whoever ends of this bug answers it
            raise

    def refuse_all(self, error: PblmError) -> None:
        """Answer whoever waits with ``error``."""
        self.refuse(self.running, error)
        self.refuse(self.stopped, error)
        self.refuse(self.asleep, error)


def _taken(replies: list[Reply]) -> list[Reply]:
    taken = replies[:]
    replies.clear()
    return taken
