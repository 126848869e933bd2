"""Orders: what the capabilities ask of a user's own actor. They never come over the bus."""

from __future__ import annotations

from datetime import datetime

import msgspec

from actors.data.particulars import Particulars


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the orders: asked like a request, and answered like one."""

    user_id: str


class ReplaceData(Order, frozen=True, kw_only=True):
    """Put the sealed data of :class:`actors.data.swap.Swap` in the place of the user's.

    Answered with the instance once it runs on them and has answered from their database, or, if it
    is to stand still, once they are in their place; with an error when the former data are back.
    """

    what: str
    """Where the new data come from, in words."""
    identity: str
    version: str | None
    """The PocketBase that they were last served with."""


class PutDataBack(Order, frozen=True, kw_only=True):
    """Undo the last replacement, while the former data are kept."""


class KeepData(Order, frozen=True, kw_only=True):
    """Give up the former data: the new ones are good."""


class AdoptData(Order, frozen=True, kw_only=True):
    """Make the sealed data in ``draft`` those of a user who is not known yet; it is Stopped."""

    draft: str
    what: str
    identity: str | None
    version: str | None


class TakeUser(Order, frozen=True, kw_only=True):
    """The user is this host's now, by a claim; from here on its data are of that epoch.

    For somebody who is not known yet, ``draft`` holds the data, unless there are none.
    """

    epoch: int
    incarnation: int
    reason: str
    draft: str | None = None
    identity: str | None = None
    version: str | None = None
    binary: str | None = None
    created_at: datetime | None = None
    wanted: bool = True
    asleep: bool = False
    """Somebody who is not known yet sleeps, and goes on sleeping."""
    resume: bool = False
    """Somebody stopped for a move that came to nothing is to run again."""
    deleted_at: datetime | None = None
    particulars: Particulars | None = None
    """What goes with the user from now on; None: what is here, if anything is."""


class LetUserGo(Order, frozen=True, kw_only=True):
    """The user is another host's: end its process, set its data aside, and forget it."""

    reason: str


class StandStill(Order, frozen=True, kw_only=True):
    """Have the process ended, for a move. Answered when it is gone."""

    reason: str


class Disown(Order, frozen=True, kw_only=True):
    """Start it no more under the membership that it was claimed under."""
