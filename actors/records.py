"""What the registry remembers of an instance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from actors.layout import Layout
from actors.proc import ProcessIdentity
from bus.instance import Failure, Instance
from bus.states import RESTING, Desired, Status


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has left in the replica who is not there any more under that name."""

    user_id: str
    epoch: int
    """Of the data that are gone."""
    at: datetime
    """When they went. What is later was another's of that name."""
    heir: str | None = None
    """Who has them now, after a rename: they stay until there is a replica of that one."""

    def is_of(self, record: Record) -> bool:
        """Whether it is that very user's, whose data are still being removed, or stayed."""
        same = (record.user_id, record.epoch) == (self.user_id, self.epoch)
        return same and record.created_at <= self.at


def last_heir(left: Leftover, found: Sequence[Leftover]) -> str | None:
    """Return what whoever has those data is called now; None: they were purged since.

    ``found`` is all that was left, the earliest first. Somebody else may have had one of the names
    before, or have it by now.
    """
    while left.heir is not None:
        name, at = left.heir, left.at
        later = next((each for each in found if each.user_id == name and each.at > at), None)
        if later is None:
            return name
        left = later
    return None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One user's row of the registry; changed by that user's actor only."""

    user_id: str
    epoch: int = 1
    """Rises whenever the owner of the user's data changes: a token that fences the former one."""
    incarnation: int | None = None
    """The membership of this host in its cluster under which it was claimed; None: never."""
    status: Status
    desired: Desired
    reason: str
    port: int | None = None
    """The port it has, or had last."""
    pid: int | None = None
    start_ticks: int | None = None
    boot_id: str | None = None
    exe: str | None = None
    """The program that the process runs."""
    run: int = 0
    """How many processes were started for this user."""
    restarts: int = 0
    uid: int | None = None
    """The uid that its process runs under; None: the manager's."""
    version: str | None = None
    """The PocketBase that it was last started with."""
    binary: str | None = None
    """The digest of that very executable."""
    refused: str | None = None
    """The digest of another one, whose first start has failed."""
    identity: str | None = None
    """What tells this user's database from every other one; None until it has run once."""
    failure: Failure | None = None
    created_at: datetime
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    deleted_at: datetime | None = None
    """Its data have been put away since then."""
    renaming_to: str | None = None
    """The user that its data are on the way to."""
    last_health_check: datetime | None = None
    """Not kept on disk: a check says nothing about the next life of the manager."""

    @property
    def process(self) -> ProcessIdentity | None:
        """The process that it has, or had when the manager ended."""
        if self.pid is None or self.start_ticks is None or self.boot_id is None:
            return None
        return ProcessIdentity(pid=self.pid, start_ticks=self.start_ticks, boot_id=self.boot_id)

    def instance(self, layout: Layout) -> Instance:
        """Return what users see of it."""
        port = None if self.status in RESTING else self.port
        return Instance(
            user_id=self.user_id,
            port=port,
            db_path=str(layout.data(self.user_id)),
            url=None if port is None else f"http://{layout.address}:{port}",
            status=self.status,
            created_at=self.created_at,
            last_health_check=self.last_health_check,
            desired=self.desired,
            reason=self.reason,
            pid=self.pid,
            started_at=self.started_at,
            restarts=self.restarts,
            version=self.version,
            failure=self.failure,
            deleted_at=self.deleted_at,
            host=msgspec.UNSET if layout.host is None else layout.host,
            public_url=layout.public_url(self.user_id),
        )
