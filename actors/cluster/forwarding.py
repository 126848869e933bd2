"""Forwarder: has every request about a user answered by that user's owner, on whichever host."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from actors.cluster.directory import Directory, State
from actors.cluster.whereabouts import Target, Whereabouts
from bus import trace
from bus.answers import ErrorAnswer
from bus.errors import Conflict, InternalError, NotFound, PblmError, Unavailable
from bus.local import Handler, Reply
from bus.peers.bus import PeerBus
from bus.peers.messages import Answered, Call, Moved, Outcome, PeerReply, Silence
from bus.requests import (
    CloneInstance,
    FindBackup,
    GetDoorUse,
    GetHistory,
    GetInstance,
    GetMetadata,
    GetReplica,
    GetSleep,
    GetUsage,
    ListBackups,
    ReadBackup,
    ReadLog,
    RenameInstance,
    Request,
    RestoreBackup,
    UserRequest,
)

READS = (
    GetInstance,
    GetMetadata,
    GetSleep,
    GetDoorUse,
    GetUsage,
    GetHistory,
    GetReplica,
    ReadLog,
    ListBackups,
    FindBackup,
    ReadBackup,
)
"""What may be asked twice; everything else goes with a key, so that it is done once."""
LOOKERS = 8
"""Threads that wait for the agreement of the hosts."""
MOST_LOOKING = 200
"""Requests that wait for them; the others are told to come again."""
SOON, LATER = 1.0, 5.0
"""Seconds until a caller is to come again: something is moving; a host does not answer."""

log = logging.getLogger(__name__)


class _Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way to another host, and back."""

    request: UserRequest
    reply: Reply
    key: str
    request_id: str

    def call(self, epoch: int) -> Call:
        """What goes beside it."""
        return Call(
            user_id=self.request.user_id,
            epoch=epoch,
            key=self.key,
            request_id=self.request_id,
        )


class Forwarder:
    """Hands requests on, and takes those of other hosts. From any thread; never waits.

    What is asked of a host that is not the owner any more is asked once more of who is, after a
    look into what the hosts have agreed on. Then the caller is told to come again.
    """

    def __init__(self, directory: Directory, peers: PeerBus, serve: Handler) -> None:
        """``serve`` answers what is to be answered on this host."""
        self._directory = directory
        self._whereabouts = Whereabouts(directory)
        self._peers = peers
        self._serve = serve
        self._looking = threading.BoundedSemaphore(MOST_LOOKING)
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix="whereabouts")

    def close(self) -> None:
        """Look for nobody any more."""
        self._lookers.shutdown(cancel_futures=True)

    def handle(self, request: UserRequest, reply: Reply) -> None:
        """Have it answered by the user's owner. Raises what this host answers at once."""
        target = self._whereabouts.of(request.user_id)
        if target.host == self._directory.host:
            self._serve_here(request, reply)
            return
        key = "" if isinstance(request, READS) else uuid.uuid4().hex
        trip = _Trip(request=request, reply=reply, key=key, request_id=trace.request_id())
        self._ask(trip, target, lambda outcome: self._answered(trip, target, outcome))

    def to_host(self, host: str, request: Request, reply: Reply) -> None:
        """Have it answered by the host that it names. Raises :class:`NotFound`."""
        if host == self._directory.host:
            self._serve(request, reply)
            return
        if host not in self._directory.hosts():
            raise NotFound(f"There is no host {host}")

        def answered(outcome: Outcome) -> None:
            if isinstance(outcome, Moved | Silence):
                told = Unavailable(f"Host {host} does not answer", retry_after=LATER)
                reply(ErrorAnswer.of(told))
            else:
                reply(outcome)

        call = Call(key=uuid.uuid4().hex, request_id=trace.request_id())
        self._peers.ask(host, call, request, answered)

    def take(self, call: Call, request: UserRequest, reply: PeerReply) -> None:
        """Answer what another host has asked, if the user is this host's, as the caller thought."""
        target = self._whereabouts.of(call.user_id)
        mine = Target(host=self._directory.host, epoch=call.epoch)
        if target == mine:
            self._serve_here(request, reply)
        elif call.epoch > target.epoch:  # the caller has looked, and this host has not heard yet
            self._look(call.user_id, reply, lambda at: self._take_now(at, mine, request, reply))
        else:
            reply(Moved())

    def _take_now(
        self, target: Target, mine: Target, request: UserRequest, reply: PeerReply
    ) -> None:
        if target == mine:
            self._serve_safely(request, reply)
        else:
            reply(Moved())

    def _ask(self, trip: _Trip, target: Target, answered: Answered) -> None:
        self._peers.ask(target.host, trip.call(target.epoch), trip.request, answered)

    def _answered(self, trip: _Trip, first: Target, outcome: Outcome) -> None:
        if isinstance(outcome, Moved | Silence):
            found = self._again
            self._look(trip.request.user_id, trip.reply, lambda at: found(trip, first, outcome, at))
        else:
            trip.reply(outcome)

    def _again(self, trip: _Trip, first: Target, outcome: Outcome, target: Target) -> None:
        if target.host == self._directory.host:
            self._serve_safely(trip.request, trip.reply)
        elif isinstance(outcome, Silence) and target == first:
            self._give_up(trip, target, outcome)
        else:
            self._ask(trip, target, lambda outcome: self._give_up(trip, target, outcome))

    def _give_up(self, trip: _Trip, target: Target, outcome: Outcome) -> None:
        user_id = trip.request.user_id
        match outcome:
            case Moved():
                told = Unavailable(f"{user_id} is on the way to another host", retry_after=SOON)
            case Silence(reason=reason):
                told = Unavailable(
                    f"{user_id} is on host {target.host}, which cannot be asked: {reason}",
                    retry_after=LATER,
                )
            case answer:
                trip.reply(answer)
                return
        trip.reply(ErrorAnswer.of(told))

    def _look(self, user_id: str, reply: Reply, found: Callable[[Target], None]) -> None:
        """Call ``found`` with where the user is for sure, on a thread that may wait for that."""

        def look() -> None:
            try:
                found(self._whereabouts.by(user_id, self._directory.read(user_id)))
            except PblmError as error:
                reply(ErrorAnswer.of(error))
            except Exception:
                log.exception("a request to another host failed")
                reply(ErrorAnswer.of(InternalError("The request failed by a bug; see the log")))
            finally:
                self._looking.release()

        if not self._looking.acquire(blocking=False):
            busy = Unavailable("Many users are looked for already", retry_after=SOON)
            reply(ErrorAnswer.of(busy))
            return
        try:
            self._lookers.submit(look)
        except RuntimeError:  # it was shut down
            self._looking.release()
            reply(ErrorAnswer.of(Unavailable("The manager is stopping", retry_after=LATER)))

    def _serve_here(self, request: UserRequest, reply: Reply) -> None:
        self._check_other(request)
        self._serve(request, reply)

    def _serve_safely(self, request: UserRequest, reply: Reply) -> None:
        try:
            self._serve_here(request, reply)
        except PblmError as error:
            reply(ErrorAnswer.of(error))

    def _check_other(self, request: UserRequest) -> None:
        """Refuse what would bring together users of two hosts."""
        match request:
            case CloneInstance(to=to) | RenameInstance(to=to) | RestoreBackup(to=str(to)):
                place = self._directory.place(to)
            case _:
                return
        if place is None or place.state is State.PURGED:
            return
        if self._whereabouts.by(to, place).host != self._directory.host:
            raise Conflict(
                f"User {to} is on host {place.host}, {request.user_id} on {self._directory.host}: "
                "what is of both has to be on one; move one of them there first"
            )
