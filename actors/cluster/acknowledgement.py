"""Acknowledgement: what the other hosts know before the caller is answered."""

from __future__ import annotations

from collections.abc import Callable

from actors.cluster.claims import Claims
from actors.cluster.jobs import Jobs, problem_of
from actors.cluster.luggage import Luggage
from actors.facts import Reply
from actors.store import Store
from bus.answers import Answer, ErrorAnswer
from bus.errors import Unavailable
from bus.requests import (
    PutBackupPolicy,
    PutMetadata,
    PutSleepPolicy,
    UndeleteInstance,
    UserRequest,
)


class Acknowledgement:
    """From any thread; never waits."""

    def __init__(self, store: Store, claims: Claims, luggage: Luggage, jobs: Jobs) -> None:
        self._store = store
        self._claims = claims
        self._luggage = luggage
        self._jobs = jobs

    def of(self, request: UserRequest, reply: Reply) -> Reply:
        """Return what takes this host's answer, which the caller has when the hosts know of it."""
        user_id = request.user_id

        def told(answer: Answer) -> None:
            match request:
                case PutMetadata() | PutSleepPolicy() | PutBackupPolicy():
                    if not isinstance(answer, ErrorAnswer):
                        self._tell(lambda: self._luggage.pack(user_id), answer, reply)
                        return
                case UndeleteInstance() if self._is_back(user_id):
                    # By an earlier try, too: who hears that it is not deleted relies on it.
                    self._tell(lambda: self._mirror(user_id), answer, reply)
                    return
            reply(answer)

        return told

    def _tell(self, work: Callable[[], None], answer: Answer, reply: Reply) -> None:
        def answered() -> None:
            problem = problem_of(work)
            reply(answer if problem is None else ErrorAnswer.of(problem))

        self._jobs.quick(answered)

    def _is_back(self, user_id: str) -> bool:
        record = self._store.get(user_id)
        return record is not None and record.deleted_at is None

    def _mirror(self, user_id: str) -> None:
        if not self._claims.mirror(user_id):
            raise Unavailable(f"{user_id} is not on this host any more", retry_after=1)
