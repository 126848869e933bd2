"""A bench: one host of a cluster, with real actors and a real registry; its engine is of paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import msgspec

from actors.cluster.coordination import Membership
from actors.cluster.directory import Place
from actors.cluster.fence import Fence
from actors.cluster.jobs import Jobs
from actors.cluster.steward import Steward
from actors.cluster.tenancy import Tenancy
from bus.errors import PblmError
from tests.actors.house import House, opened
from tests.cluster.paper import ME, Desk, Paper
from tests.house.surroundings import PATIENCE


class Bench:
    """See the module. It is a member as ``member`` says, once it has joined."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.member: Membership | None = ME
        self.fence = Fence(lambda: 0.0)
        self.paper = Paper()
        self._open()

    def _open(self) -> None:
        house, desk = self.house, Desk(self.house.layout.root, self.house.store, self.paper)
        self.atlas, self.claims, self.jobs = desk.atlas, desk.claims, Jobs(house.clock, 2)
        house.tenancy = Tenancy("mark", None, self.fence, self.claims, self.jobs)
        house.reopen()
        self.steward = Steward(
            house.services,
            self.paper,
            self.atlas,
            self.claims,
            self.jobs,
            lambda: self.member,
            house.recover,
        )

    def join(self, incarnation: int = ME.incarnation) -> None:
        """Be there, and have the users who are here."""
        self.member = msgspec.structs.replace(ME, incarnation=incarnation)
        self.paper.come(self.member)
        self.fence.open(incarnation, until=1.0)
        self.step()

    def step(self) -> None:
        """Have the steward hear of everything, and look once."""
        self.atlas.know(self.paper.view())
        self.steward.step()

    def restart(self) -> None:
        """End the manager without a word, and make the next one, which has not joined yet."""
        self.jobs.close()
        self.house.crash()
        self._open()

    def acquire(self, user_id: str, *, new: bool = False) -> PblmError | None:
        """Have the user here; return what stood in the way."""
        found: SimpleQueue[PblmError | None] = SimpleQueue()
        self.steward.acquire(user_id, new=new, then=found.put)
        return found.get(timeout=PATIENCE)

    def place(self, user_id: str) -> Place:
        """The user's place."""
        return self.paper.places[user_id].place

    def close(self) -> None:
        """End what waits."""
        self.jobs.close()


@contextmanager
def bench_of(path: Path) -> Iterator[Bench]:
    """Make one; nothing of it is left afterwards."""
    with opened(path / "dbs", delete_grace=60) as house:
        made = Bench(house)
        try:
            yield made
        finally:
            made.close()
