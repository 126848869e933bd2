"""Steward: has this host take the users that it is to take, and tell of those that it has.

There is no scheduler: every host looks at the same table and picks those whose first choice among
the hosts that are there it is (:mod:`actors.cluster.rendezvous`). Two that look at different
moments may pick the same user; one of them wins the claim, and the other reads again.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from actors.cluster.arrivals import Arrivals
from actors.cluster.atlas import Atlas
from actors.cluster.claims import Claims
from actors.cluster.coordination import Membership
from actors.cluster.directory import Place, State
from actors.cluster.duties import Duties
from actors.cluster.gateway import Unreachable
from actors.cluster.handover import Handover
from actors.cluster.hands import ChangingHands, Hands, end_all
from actors.cluster.jobs import Jobs, Later, Work, problem_of
from actors.cluster.names import Names
from actors.cluster.placing import expects, ours
from actors.cluster.whereabouts import heir
from actors.data.belongings import clear_lost_and_found
from actors.data.ownership import finish_renames
from actors.data.swap import finish_swaps
from actors.records import Record
from actors.services import Services
from bus.answers import Answer, ErrorAnswer
from bus.errors import Conflict, PblmError, Unavailable
from bus.requests import InitInstance
from bus.states import Desired

LOOK = 2.0
"""Seconds between two looks at who is there, and whose users need a host."""
CLEAR_UP = 600.0
"""Seconds from one look through the lost and found to the next."""
HEED = 10.0
"""Seconds from one look how the members of etcd are to the next."""
SETTLING = 15.0
"""Seconds that a host that has joined waits for the users who are here; then it serves the others.
Who must be restored may take longer."""
AGAIN = 10.0
"""Seconds until it is tried again to have, or to let go of, somebody whose data lie here."""
MISSING = 10.0
"""Seconds after which a claim that has brought nothing is taken for one that has failed."""

log = logging.getLogger(__name__)


class Steward:
    """A thread that looks, and jobs that do."""

    def __init__(
        self,
        services: Services,
        atlas: Atlas,
        claims: Claims,
        handover: Handover,
        names: Names,
        jobs: Jobs,
        duties: Duties,
        member: Callable[[], Membership | None],
        recover: Callable[[], None],
    ) -> None:
        """``recover`` has the actors begin; called once the users that are here are claimed."""
        self._services = services
        self._atlas = atlas
        self._claims = claims
        self._handover = handover
        self._names = names
        self._jobs = jobs
        self._member = member
        self._recover = recover
        self._hands = ChangingHands(services)
        self._duties = duties
        self.arrivals = Arrivals(names, jobs, self._duties, self._mirror)
        self._settled_for: int | None = None
        self._missing: dict[str, float] = {}
        self._looked_at: dict[str, float] = {}
        self._refused: dict[str, str] = {}
        self._cleared_at = -CLEAR_UP
        self._heeded_at = services.clock.monotonic()
        self._again = threading.Event()
        self._closed = False
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="steward")
        atlas.listen(self.look)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look(self) -> None:
        """Something has changed."""
        self._again.set()

    def close(self) -> None:
        """End."""
        self._closed = True
        self._again.set()
        self._hands.close()
        self._thread.join()

    @property
    def hands(self) -> Hands:
        """How users are taken now."""
        return self._hands

    @property
    def begun(self) -> bool:
        """Whether the actors have begun."""
        return self._hands.live

    @property
    def ready(self) -> Membership | None:
        """The membership under which the users that are here were claimed; None: not yet."""
        member = self._member()
        return member if member and member.incarnation == self._settled_for else None

    def acquire(self, user_id: str, *, new: bool, then: Callable[[PblmError | None], None]) -> None:
        """Have the user here, if it can be, and call ``then``."""

        def acquire(later: Later) -> None:
            self._acquire(user_id, new=new, later=later)

        work = functools.partial(_have, acquire, then)
        if user_id in self.arrivals:
            then(Conflict(f"The data of another user are on the way to {user_id}"))
        elif not self._jobs.once(user_id, work):
            then(Unavailable(f"{user_id} is being brought to this host", retry_after=1))

    def _acquire(self, user_id: str, *, new: bool, later: Later) -> None:
        if not self._claims.acquire(user_id, self._hands, new=new, later=later):
            place = self._atlas.place(user_id)
            where = (place and (place.host or place.target)) or "another host"
            raise Unavailable(f"{user_id} is on {where}", retry_after=1)

    def mirror(self, user_id: str) -> None:
        """Tell the others what has become of the user."""
        if user_id not in self.arrivals:  # of those, it is told at their end
            self._duties.owe(f"{user_id}: what has become of it", lambda: self._mirror(user_id))

    def _mirror(self, user_id: str) -> None:
        record = self._services.store.get(user_id)
        if record is not None and record.incarnation is None:  # it is new here: it has no claim
            with self._jobs.alone(user_id):
                self._claims.acquire(user_id, self._hands, later=_refuse)
        else:
            self._claims.mirror(user_id)

    def stay(self, user_id: str, target: str, *, resume: bool) -> None:
        """Have a user go on here whose move to ``target`` has failed."""

        def work() -> None:
            if self._handover.stay(user_id, target, self._hands, resume=resume) and resume:
                self._services.ask(InitInstance(user_id=user_id, wait=False), _tell_refusal)

        self._duties.owe(_staying(user_id), work)

    def check_stayed(self, user_id: str) -> None:
        """Raise :class:`Unavailable` until a move of the user that has failed is taken back."""
        if _staying(user_id) in self._duties:
            raise Unavailable(f"A move of {user_id} is being taken back", retry_after=1)

    def end(self, user_id: str) -> None:
        """Tell the others that the user has another name; until they know, nobody has this one."""
        self._duties.owe(f"{user_id}: that it was renamed", lambda: self._end(user_id))

    def _end(self, user_id: str) -> None:
        epoch = self._services.store.departures.get(user_id)
        if epoch is not None:
            self._names.end(user_id, epoch)
            self._services.store.told(user_id)

    def _run(self) -> None:
        while not self._closed:
            self._again.wait(LOOK)
            self._again.clear()
            try:
                self.step()
                self._problem = ""
            except Unreachable as error:
                log.debug("steward: %s", error)
            except PblmError as error:
                self._complain(error.message)
            except Exception:
                log.exception("steward: a bug")

    def _complain(self, problem: str) -> None:
        """Tell what keeps it from going on, once: it is tried again and again."""
        if problem != self._problem:
            log.warning("the host's users are not all looked after: %s", problem)
        self._problem = problem

    def step(self) -> None:
        """Look once, and do what is to be done."""
        member = self._member()
        if member is None or not self._atlas.wait_loaded(0) or self._closed:
            return
        self._atlas.look()
        if member.incarnation != self._settled_for:
            self._settle(member)
        self._clear_up()
        self._heed()
        for user_id, place in self._atlas.places().items():
            if self._is_left_over(user_id, place, member):
                self.arrivals.give_back(user_id)
        for user_id in {*self._wanting(member), *self._misplaced(member)}:
            self._take(user_id)

    def _misplaced(self, member: Membership) -> Iterator[str]:
        """Yield those of whom something lies here that is not this host's, or not yet, now.

        So is whom another host has taken late, and whoever could not be had when this host joined.
        Whose move is under way is looked after by that.
        """
        now = self._services.clock.monotonic()
        for record in self._services.store.records():
            user_id, place = record.user_id, self._atlas.place(record.user_id)
            moves = place is not None and place.state is State.MOVING
            settled = user_id in self.arrivals or user_id in self._handover
            if settled or (place is not None and ours(place, member, record)):
                self._looked_at.pop(user_id, None)
            elif not moves and now >= self._looked_at.get(user_id, -AGAIN) + AGAIN:
                self._looked_at[user_id] = now
                yield user_id

    def _is_left_over(self, user_id: str, place: Place, member: Membership) -> bool:
        """Whether data were to come to that name on this host, and nobody works for that now."""
        return (
            expects(place, member)
            and user_id not in self.arrivals
            and self._services.store.get(user_id) is None
        )

    def _clear_up(self) -> None:
        """Remove what was set aside long ago, now and then."""
        now = self._services.clock.monotonic()
        if now < self._cleared_at + CLEAR_UP:
            return
        self._cleared_at = now
        settings, layout = self._services.settings, self._services.layout
        limit = self._services.clock.now() - timedelta(seconds=settings.cluster_lost_found)
        self._jobs.quick(lambda: clear_lost_and_found(layout, limit))

    def _heed(self) -> None:
        """Know how the members of etcd are, now and then: one that is gone is missed by nobody."""
        now = self._services.clock.monotonic()
        if now >= self._heeded_at + HEED:
            self._heeded_at = now
            self._jobs.quick(self._atlas.heed)

    def _settle(self, member: Membership) -> None:
        """Claim those whose data are here, and set aside what is others'."""
        early, services = not self._hands.live, self._services
        if early:
            finish_renames(services.store, services.layout)
            finish_swaps(services.store, services.layout)
            end_all(services)
        works = {each.user_id: self._settling(each) for each in self._unsettled(member)}
        self._jobs.all(works, SETTLING, lambda: self._member() == member and not self._closed)
        if self._member() != member or self._closed:
            return
        self._settled_for = member.incarnation
        for user_id in tuple(services.store.departures):  # whose new name is not told with it
            self.end(user_id)
        if early:
            self._hands.begin()
            self._recover()
            return
        for user_id in works:
            record = services.store.get(user_id)
            if record is not None and record.incarnation == member.incarnation:
                self._run_if_wanted(user_id)

    def _unsettled(self, member: Membership) -> list[Record]:
        """Return those who are here by an earlier membership; first whom nobody else has had."""

        def restored(record: Record) -> bool:
            place = self._atlas.place(record.user_id)
            return place is not None and place.epoch != record.epoch

        records = self._services.store.records()
        return sorted(
            (each for each in records if each.incarnation != member.incarnation), key=restored
        )

    def _settling(self, record: Record) -> Callable[[], Work | None]:
        user_id = record.user_id

        def acquire(later: Later) -> None:
            self._claims.acquire(user_id, self._hands, later=later)

        def acquired(problem: PblmError | None) -> None:
            if problem is not None:
                log.warning("%s: not claimed yet: %s", user_id, problem)
            if self.ready is not None and self._hands.live:  # the others went on without it
                self._run_if_wanted(user_id)

        return functools.partial(_have, acquire, acquired)

    def _wanting(self, member: Membership) -> Iterator[str]:
        """Yield the users that this host is to take, now."""
        hosts = self._atlas.hosts()
        for user_id, place in self._atlas.places().items():
            if self._is_wanting(user_id, place, member) and (
                place.host == member.host
                or place.target == member.host
                or heir(user_id, hosts) == member.host
            ):
                yield user_id

    def _is_wanting(self, user_id: str, place: Place, member: Membership) -> bool:
        """Whether the user needs a host, without being asked for."""
        departed = user_id in self._services.store.departures
        nobodys = place.state in (State.PURGED, State.UNKNOWN)
        if nobodys or place.expected or departed:
            return False
        if place.host == member.host:
            claimed = place.incarnation == member.incarnation
            asked_back = self._claims.is_asked_back(user_id, place, member)
            return not claimed or asked_back or self._is_missing(user_id)
        if place.host == "":
            target = place.target
            return target in (None, member.host) or self._atlas.is_lost(target)
        if place.deleted_at is not None:
            due = self._is_due(place.deleted_at) and not self._atlas.is_doubtful(place)
            return due and self._atlas.is_lost(place.host)
        if place.state is State.STOPPED or not place.wanted:
            return False
        return self._atlas.is_lost(place.host)

    def _is_due(self, deleted_at: datetime) -> bool:
        """Whether who was deleted then is to be purged: by whoever has it."""
        grace = timedelta(seconds=self._services.settings.delete_grace)
        return self._services.clock.now() >= deleted_at + grace

    def _is_missing(self, user_id: str) -> bool:
        """Whether there has been nothing of the user here for a while, who was claimed here."""
        if self._services.store.get(user_id) is not None:
            self._missing.pop(user_id, None)
            return False
        now = self._services.clock.monotonic()
        return now - self._missing.setdefault(user_id, now) > MISSING

    def _take(self, user_id: str) -> None:
        def taken(error: PblmError | None) -> None:
            if error is None:
                self._refused.pop(user_id, None)
                self._run_if_wanted(user_id)
            elif self._refused.get(user_id) != error.message:
                self._refused[user_id] = error.message
                log.warning("%s: not taken: %s", user_id, error.message)

        if user_id not in self._jobs:  # what is under way looks for itself, and tells its end
            self.acquire(user_id, new=False, then=taken)

    def _run_if_wanted(self, user_id: str) -> None:
        """Start it, if it is to run; one that slept goes on sleeping until it is asked for."""
        record, place = self._services.store.get(user_id), self._atlas.place(user_id)
        if record is None or record.deleted_at is not None or place is None:
            return
        if record.desired is Desired.RUNNING and place.state is not State.STOPPED:
            request = InitInstance(user_id=user_id, wait=False)
            self._services.ask(request, _tell_refusal)


def _have(
    acquire: Callable[[Later], None], then: Callable[[PblmError | None], None]
) -> Work | None:
    """Have a user here, and call ``then``; return what of both waits for the replica."""
    rest: list[Work] = []
    problem = problem_of(lambda: acquire(rest.append))
    if rest:
        return lambda: then(problem_of(rest[0]))
    then(problem)
    return None


def _staying(user_id: str) -> str:
    """Return what is owed to the hosts after a move that has failed."""
    return f"{user_id}: that it stays"


def _refuse(work: Work) -> None:
    raise Unavailable("It is to be restored first", retry_after=1)


def _tell_refusal(answer: Answer) -> None:
    if isinstance(answer, ErrorAnswer):
        log.error("it could not be started: %s", answer.message)
