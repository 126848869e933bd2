"""What actors tell each other: private, immutable, about something that has happened or is due.

Facts about a process come late and in every state. They carry the number of the run that they are
about, and an actor ignores those of an earlier run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.data.orders import Order
from actors.proc import ExitStatus
from actors.sleep.latch import Latch
from bus import trace
from bus.answers import Answer
from bus.errors import InstanceIOError, PblmError, StartError
from bus.requests import CloneInstance, Request

Reply = Callable[[Answer], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody asks ``request`` and waits for ``reply`` to be called once, by its owner."""

    request: Request
    reply: Reply
    request_id: str = field(default_factory=trace.request_id)
    """That of the call which the request belongs to; it is written beside what is logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A capability orders what cannot be asked over the bus; ``reply`` is called once."""

    order: Order
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact:
    """Base of the facts about one run of an instance."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotGranted(RunFact):
    """The start may go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReserved(RunFact):
    """The port is the user's until released; None: the whole range is taken."""

    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCopied(RunFact):
    """The data are copied, as they are before a first start with another PocketBase."""

    error: InstanceIOError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReady(RunFact):
    """The process owns its port, has the user's database open and answers its health check."""

    identity: str | None
    """The database's identity, when it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceAnswers(RunFact):
    """It is ready, but for the consent of the other hosts; fields as of :class:`InstanceReady`."""

    identity: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRefused(RunFact):
    """It may not run here."""

    error: StartError


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayGone(RunFact):
    """A process that served the user's directory without our knowledge has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayTimedOut(RunFact):
    """Such a process was given its time to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTimedOut(RunFact):
    """The process was given its time to become ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDue(RunFact):
    """It is time to see again whether the process may be asked to end."""

    looks: int
    """So often it was looked at already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTimedOut(RunFact):
    """The process was given its time to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExited(RunFact):
    """The process is gone."""

    status: ExitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckDue(RunFact):
    """It is time to look after the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What was wrong at a health check."""

    what: str
    silent: bool
    """Nothing was answered in time: it may hang, or only wait for its turn on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChecked(RunFact):
    """A health check came back; ``problem`` is None when it went well."""

    problem: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProven(RunFact):
    """The process has run long enough for its earlier failures to be forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDue(RunFact):
    """The back-off is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastLookTaken(RunFact):
    """Nobody new can come in; ``busy`` says who is still inside, None that nobody is."""

    busy: str | None
    latch: Latch | None = None
    """What holds new connections off the instance's port until it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersAgain(RunFact):
    """A process that did not listen for a moment does again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservePort:
    """Asks the PortRegistry for a port; answered by ``reply`` with the port or None."""

    user_id: str
    last: int | None
    """The port that the user had before, preferred over the hashed one."""
    avoid: frozenset[int]
    reply: Callable[[int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPort:
    """The user's process, adopted from a former manager, has this port already."""

    user_id: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePort:
    """The user needs no port any more."""

    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkPort:
    """The user sleeps: ``port`` is kept for it, unless others have no other one left."""

    user_id: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortCooled:
    """To the PortRegistry: a port that was freed a while ago may be handed out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutDown:
    """The manager ends: stop, and call ``done`` when nothing is left.

    With ``keep`` the processes go on, for the next manager to adopt.
    """

    done: Callable[[], None]
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HurryUp:
    """The manager must end now: kill what has not stopped yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorFailed:
    """An instance's actor died of a bug, with these messages still unread."""

    user_id: str
    unread: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementDue:
    """To the supervisor: an actor that died again and again has rested long enough."""

    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorClosed:
    """An instance's actor has done what :class:`ShutDown` asked for."""

    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """First message to the actor of a user who is known: make what is become what is desired.

    To the supervisor: have everybody do so.
    """

    done: Callable[[], None] = lambda: None
    """Called when the user's actor has done it, or has died of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """To the supervisor: one of those that a launch has found goes on by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HousekeepingDue:
    """To the supervisor: it is time to look at the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeDue:
    """To a user's actor: the data were kept long enough after the deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeAgreed:
    """To a user's actor: the other hosts know that nothing of the user is left, or why not."""

    error: PblmError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """To the supervisor: the user's instance belongs to ``to`` now, or the attempt has failed."""

    user_id: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloned:
    """To the supervisor: the data of ``to`` are there, or why not."""

    request: CloneInstance
    identity: str | None
    error: PblmError | None
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementProven:
    """To a user's actor: its instance was tried on its new data; None: it is well."""

    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRest:
    """An instance sleeps, and its actor has nothing to do: it may be let go."""

    user_id: str
    urn: str
    """Which actor that is."""
    taken: int
    """How many requests and orders it has taken in; one that was passed on since is not yet."""
