"""Directory: what everybody in the house may know of the cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

import msgspec

from actors.data.particulars import NONE, Particulars
from bus.errors import PblmError

T = TypeVar("T")

log = logging.getLogger(__name__)


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A host that is there: the value of ``hosts/<host>``, which ends with its lease."""

    bus: str
    """Where it is asked: ``tcp://10.0.0.1:7001``."""
    events: str
    """Where its events are heard."""
    http: str
    """Its API, for people and links."""
    curve: str
    """Its public key on the bus, Z85; empty when it has none."""
    capacity: int
    """How many users it takes, beside the others."""
    version: str
    home: str = ""
    """Names its directory of data: who finds this host's key knows whether it was itself."""
    draining: bool = False
    """Nobody new is placed on it."""
    first_port: int = 0
    last_port: int = 0
    """Between which its instances listen; 0: it is of an older release, which does not tell."""


class State(StrEnum):
    """What a user's place is for now."""

    RESTORING = "restoring"
    """Its owner gets it ready; nobody is let in."""
    RUNNING = "running"
    """It runs, and its replica has its base."""
    STOPPED = "stopped"
    """It is not to run, or sleeps: when its host is lost, it waits for the first request."""
    MOVING = "moving"
    """Its owner hands it over."""
    PURGED = "purged"
    """There is nothing any more. What is left is the epoch, which never falls."""
    UNKNOWN = "unknown"
    """What only a newer release understands: nobody of this one touches it."""

    @classmethod
    def _missing_(cls, value: object) -> State:
        return cls.UNKNOWN


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a user is: the value of ``users/<user>``, which has no lease."""

    host: str
    """Who owns it; empty while it is handed over."""
    incarnation: int
    """The membership of that host under which it was claimed."""
    epoch: int
    """Rises by one with every change of owner: the token that fences the former one."""
    state: State
    address: str | None = None
    """Where its PocketBase listens while it runs: ``10.0.0.1:9001``."""
    durable: int = 0
    """The epoch whose replica has its base; 0: none has."""
    born: int = 1
    """The epoch it began with; what is older in the replica was somebody else's."""
    base: int | None = None
    """The epoch since which no owner has told that it has the data: until one does, whatever was
    kept of that epoch or a later one is the newest. None: its owner has told."""
    target: str | None = None
    """Who is to take it, while it is moving."""
    source: str | None = None
    """Who has its data: hands it over, until the target has claimed it; or is back since it was
    claimed from there, and asks for it, as long as its owner has none."""
    digest: str | None = None
    """SHA-256 of the database that is handed over."""
    identity: str | None = None
    """What tells its database from every other one; None until it has run once."""
    version: str | None = None
    """The PocketBase that it was last served with."""
    binary: str | None = None
    created_at: datetime | None = None
    wanted: bool = True
    """Whether it is to run."""
    asleep: bool = False
    """Whether it sleeps, until it is asked for: it does so wherever it comes to."""
    deleted_at: datetime | None = None
    problem: str | None = None
    """Why it could not be restored: a person is needed."""
    expected: str | None = None
    """The data that its owner is making for it, in words: there are none yet, and nobody begins it
    with none."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with a user: the value beside ``users/<user>``, which has no lease either.

    Each part is read by itself: one that a newer release writes otherwise does not hide the rest.
    """

    epoch: int
    """That of the user's place when it was written."""
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    sleep: msgspec.Raw = msgspec.Raw(b"{}")
    backups: msgspec.Raw = msgspec.Raw(b"{}")

    @classmethod
    def of(cls, what: Particulars, *, epoch: int) -> Kept:
        """Return what is to be written."""
        parts = {name: msgspec.Raw(msgspec.json.encode(getattr(what, name))) for name in PARTS}
        return cls(epoch=epoch, **parts)

    @property
    def particulars(self) -> Particulars:
        """Return what was written, as far as it can be read here."""
        found = {name: _part(getattr(self, name), getattr(NONE, name)) for name in PARTS}
        return Particulars(**found)


PARTS = Particulars.__struct_fields__


def _part(written: msgspec.Raw, none: T) -> T:
    try:
        return msgspec.json.decode(written, type=type(none))
    except (msgspec.DecodeError, PblmError) as error:
        log.error("what goes with a user cannot be read, and counts as not decided: %s", error)
        return none


class Directory(Protocol):
    """Thread-safe; all but :meth:`read` answer from memory and never wait."""

    host: str
    """Who we are."""

    def hosts(self) -> Mapping[str, Host]:
        """The hosts that are there."""

    def place(self, user_id: str) -> Place | None:
        """Whose the user is, as last heard."""

    def places(self) -> Mapping[str, Place]:
        """All of them."""

    def warnings(self) -> Sequence[str]:
        """What an operator should know of what the hosts agree by."""

    def absence(self) -> str:
        """Why this host is not in its cluster now, and runs nobody; empty: it is."""

    def labelled(self, label: str) -> str | None:
        """The user with that hashed label, or None."""

    def listen(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called, on a thread of the cluster's, when any of it has changed."""

    def read(self, user_id: str) -> Place | None:
        """Whose the user is for sure. Waits for etcd; raises :class:`bus.errors.Unavailable`."""
