"""What actors tell each other: private, immutable, about something that has happened or is due.

Facts about a process come late and in every state. They carry the number of the run that they are
about, and an actor ignores those of an earlier run.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from actors.data.orders import Order
from actors.proc import ExitStatus
from actors.sleep.latch import Latch
from bus import trace
from bus.answers import Answer
from bus.errors import InstanceIOError, PblmError, StartError
from bus.requests import CloneInstance, Request

Reply = Callable[[Answer], None]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks ``request`` and waits for ``reply`` to be called once, by its owner."""

    request: Request
    reply: Reply
    request_id: str = msgspec.field(default_factory=trace.request_id)
    """That of the call which the request belongs to; it is written beside what is logged."""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A capability orders what cannot be asked over the bus; ``reply`` is called once."""

    order: Order
    reply: Reply


class RunFact(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the facts about one run of an instance."""

    run: int


class SlotGranted(RunFact, frozen=True, kw_only=True):
    """The start may go on."""


class PortReserved(RunFact, frozen=True, kw_only=True):
    """The port is the user's until released; None: the whole range is taken."""

    port: int | None


class DataCopied(RunFact, frozen=True, kw_only=True):
    """The data are copied, as they are before a first start with another PocketBase."""

    error: InstanceIOError | None


class InstanceReady(RunFact, frozen=True, kw_only=True):
    """The process owns its port, has the user's database open and answers its health check."""

    identity: str | None
    """The database's identity, when it was asked for."""


class InstanceAnswers(RunFact, frozen=True, kw_only=True):
    """It is ready, but for the consent of the other hosts; fields as of :class:`InstanceReady`."""

    identity: str | None


class StartRefused(RunFact, frozen=True, kw_only=True):
    """It may not run here."""

    error: StartError


class StrayGone(RunFact, frozen=True, kw_only=True):
    """A process that served the user's directory without our knowledge has ended."""


class StrayTimedOut(RunFact, frozen=True, kw_only=True):
    """Such a process was given its time to end."""


class StartTimedOut(RunFact, frozen=True, kw_only=True):
    """The process was given its time to become ready."""


class SignalDue(RunFact, frozen=True, kw_only=True):
    """It is time to see again whether the process may be asked to end."""

    looks: int
    """So often it was looked at already."""


class StopTimedOut(RunFact, frozen=True, kw_only=True):
    """The process was given its time to end."""


class ProcessExited(RunFact, frozen=True, kw_only=True):
    """The process is gone."""

    status: ExitStatus


class HealthCheckDue(RunFact, frozen=True, kw_only=True):
    """It is time to look after the process."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong at a health check."""

    what: str
    silent: bool
    """Nothing was answered in time: it may hang, or only wait for its turn on a busy machine."""


class HealthChecked(RunFact, frozen=True, kw_only=True):
    """A health check came back; ``problem`` is None when it went well."""

    problem: Problem | None


class HealthProven(RunFact, frozen=True, kw_only=True):
    """The process has run long enough for its earlier failures to be forgotten."""


class RetryDue(RunFact, frozen=True, kw_only=True):
    """The back-off is over."""


class LastLookTaken(RunFact, frozen=True, kw_only=True):
    """Nobody new can come in; ``busy`` says who is still inside, None that nobody is."""

    busy: str | None
    latch: Latch | None = None
    """What holds new connections off the instance's port until it is decided."""


class AnswersAgain(RunFact, frozen=True, kw_only=True):
    """A process that did not listen for a moment does again."""


class ReservePort(msgspec.Struct, frozen=True, kw_only=True):
    """Asks the PortRegistry for a port; answered by ``reply`` with the port or None."""

    user_id: str
    last: int | None
    """The port that the user had before, preferred over the hashed one."""
    avoid: frozenset[int]
    reply: Callable[[int | None], None]


class ClaimPort(msgspec.Struct, frozen=True, kw_only=True):
    """The user's process, adopted from a former manager, has this port already."""

    user_id: str
    port: int


class ReleasePort(msgspec.Struct, frozen=True, kw_only=True):
    """The user needs no port any more."""

    user_id: str


class ParkPort(msgspec.Struct, frozen=True, kw_only=True):
    """The user sleeps: ``port`` is kept for it, unless others have no other one left."""

    user_id: str
    port: int


class PortCooled(msgspec.Struct, frozen=True, kw_only=True):
    """To the PortRegistry: a port that was freed a while ago may be handed out again."""


class ShutDown(msgspec.Struct, frozen=True, kw_only=True):
    """The manager ends: stop, and call ``done`` when nothing is left.

    With ``keep`` the processes go on, for the next manager to adopt.
    """

    done: Callable[[], None]
    keep: bool = False


class HurryUp(msgspec.Struct, frozen=True, kw_only=True):
    """The manager must end now: kill what has not stopped yet."""


class ActorFailed(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's actor died of a bug, with these messages still unread."""

    user_id: str
    unread: tuple[object, ...]


class ReplacementDue(msgspec.Struct, frozen=True, kw_only=True):
    """To the supervisor: an actor that died again and again has rested long enough."""

    user_id: str


class ActorClosed(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's actor has done what :class:`ShutDown` asked for."""

    user_id: str


class Recover(msgspec.Struct, frozen=True, kw_only=True):
    """First message to the actor of a user who is known: make what is become what is desired.

    To the supervisor: have everybody do so.
    """

    done: Callable[[], None] = lambda: None
    """Called when the user's actor has done it, or has died of it."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """To the supervisor: one of those that a launch has found goes on by itself."""


class HousekeepingDue(msgspec.Struct, frozen=True, kw_only=True):
    """To the supervisor: it is time to look at the machine."""


class PurgeDue(msgspec.Struct, frozen=True, kw_only=True):
    """To a user's actor: the data were kept long enough after the deletion."""


class PurgeAgreed(msgspec.Struct, frozen=True, kw_only=True):
    """To a user's actor: the other hosts know that nothing of the user is left, or why not."""

    error: PblmError | None


class Renamed(msgspec.Struct, frozen=True, kw_only=True):
    """To the supervisor: the user's instance belongs to ``to`` now, or the attempt has failed."""

    user_id: str
    to: str


class Cloned(msgspec.Struct, frozen=True, kw_only=True):
    """To the supervisor: the data of ``to`` are there, or why not."""

    request: CloneInstance
    identity: str | None
    error: PblmError | None
    reply: Reply


class ReplacementProven(msgspec.Struct, frozen=True, kw_only=True):
    """To a user's actor: its instance was tried on its new data; None: it is well."""

    problem: str | None


class AtRest(msgspec.Struct, frozen=True, kw_only=True):
    """An instance sleeps, and its actor has nothing to do: it may be let go."""

    user_id: str
    urn: str
    """Which actor that is."""
    taken: int
    """How many requests and orders it has taken in; one that was passed on since is not yet."""
