"""Arrivals: names that are this host's while data are on the way to them.

::

    nobody's --expect--> this host's, without data --they are there--> a user of this host's
       ^                            |
       '--------- give back --------'   nothing came of it
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from actors.cluster.duties import Duties
from actors.cluster.jobs import Jobs, problem_of
from actors.cluster.names import Names
from actors.facts import Reply
from bus.answers import Answer, ErrorAnswer
from bus.errors import Conflict


class Arrivals:
    """From any thread; never waits."""

    def __init__(
        self, names: Names, jobs: Jobs, duties: Duties, arrived: Callable[[str], None]
    ) -> None:
        """``arrived`` tells the others of a user whose data are there, or raises."""
        self._names = names
        self._jobs = jobs
        self._duties = duties
        self._arrived = arrived
        self._lock = threading.Lock()
        self._expected: set[str] = set()

    def __contains__(self, user_id: str) -> bool:
        """Whether somebody works for that name."""
        return user_id in self._expected

    def expect(self, user_id: str, what: str, reply: Reply, go_on: Callable[[Reply], None]) -> None:
        """Have the name be this host's, and ``go_on`` then, with what takes the answer.

        An answer that is an error gives the name back. ``reply`` gets every answer.
        """
        with self._lock:
            taken = user_id in self._expected
            self._expected.add(user_id)
        if taken:
            already = Conflict(f"The data of another user are on the way to {user_id}")
            reply(ErrorAnswer.of(already))
            return
        self._jobs.quick(lambda: self._expect(user_id, what, reply, go_on))

    def give_back(self, user_id: str) -> None:
        """Nothing comes to that name any more, unless it is expected again by then."""

        def work() -> None:
            self._names.give_back(user_id, lambda: user_id in self)

        self._duties.owe(f"{user_id}: giving it back", work)

    def _expect(
        self, user_id: str, what: str, reply: Reply, go_on: Callable[[Reply], None]
    ) -> None:
        def answered(answer: Answer) -> None:
            if isinstance(answer, ErrorAnswer):
                self._end(user_id)
                self.give_back(user_id)
                reply(answer)
            else:
                self._tell(user_id, lambda: reply(answer))

        def work() -> None:
            self._names.expect(user_id, what)
            go_on(answered)

        problem = problem_of(work)
        if problem is not None:
            answered(ErrorAnswer.of(problem))

    def _tell(self, user_id: str, then: Callable[[], None]) -> None:
        """Have the others told, and call ``then`` after the first try of that."""
        first = [then]

        def work() -> None:
            try:
                self._arrived(user_id)
            finally:
                if first:
                    self._end(user_id)
                    first.pop()()

        self._duties.owe(f"{user_id}: that it is there", work)

    def _end(self, user_id: str) -> None:
        with self._lock:
            self._expected.discard(user_id)
