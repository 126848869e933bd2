"""A bench: one host of a cluster, with real actors and a real registry; its engine is of paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from actors.cluster.acknowledgement import Acknowledgement
from actors.cluster.admission import Admission
from actors.cluster.directory import Place, State
from actors.cluster.duties import Duties
from actors.cluster.fence import Fence
from actors.cluster.jobs import Jobs
from actors.cluster.steward import Steward
from actors.cluster.tenancy import Tenancy
from actors.data.orders import Order
from actors.facts import Asked, Reply
from bus.answers import ErrorAnswer
from bus.errors import PblmError
from bus.requests import InitInstance, StopInstance, UserRequest
from bus.states import Status
from tests.actors.house import Caller, House, opened
from tests.cluster.paper import ME, Desk, Paper
from tests.house.surroundings import PATIENCE, eventually


class Bench:
    """See the module. It is a member from :meth:`join` on."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.fence = Fence(lambda: 0.0)
        self.paper = Paper()
        self._open()

    def _open(self) -> None:
        house = self.house
        self.desk = desk = Desk(house.layout.root, house.store, self.paper)
        self.atlas, self.claims, self.handover = desk.atlas, desk.claims, desk.handover
        self.jobs = Jobs(house.clock, 2)
        duties = Duties(self.jobs)
        desk.owe = duties.owe
        house.tenancy = Tenancy(
            "mark", None, self.fence, desk.atlas, self.claims, desk.names, self.jobs
        )
        house.reopen()
        self.steward = Steward(
            house.services,
            self.atlas,
            self.claims,
            self.handover,
            desk.names,
            self.jobs,
            duties,
            lambda: desk.member,
            house.recover,
        )
        house.tenancy.listen(self.steward.mirror)
        self.admission = Admission(
            house.store, self.atlas, self.steward, lambda: desk.places.member()
        )
        self.acknowledgement = Acknowledgement(house.store, self.claims, desk.luggage, self.jobs)
        house.hear = self.admission.hear

    def join(self, incarnation: int = ME.incarnation) -> None:
        """Be there, and have the users who are here."""
        self.desk.member = msgspec.structs.replace(ME, incarnation=incarnation)
        self.paper.come(self.desk.member)
        self.fence.open(incarnation, until=1.0)
        self.step()

    def ask(self, request: UserRequest) -> Caller:
        """Ask this host, as a caller does."""
        caller = Caller()
        reply = self.acknowledgement.of(request, caller.answers.put)
        try:
            if not self.admission.admit(request, reply, self._pass_on(request)):
                self._pass_on(request)(reply)
        except PblmError as error:
            caller.answers.put(ErrorAnswer.of(error))
        return caller

    def _pass_on(self, request: UserRequest) -> Callable[[Reply], None]:
        return lambda reply: self.house.supervisor.tell(Asked(request=request, reply=reply))

    def order(self, order: Order) -> Caller:
        """Order it of the user's actor."""
        caller = Caller()
        self.house.services.order(order, caller.answers.put)
        return caller

    def run(self, user_id: str) -> None:
        """Have the user's instance run here."""
        caller = self.ask(InitInstance(user_id=user_id))
        data = self.house.layout.data(user_id)
        eventually(lambda: bool(self.house.processes.living(data)), "it is started")
        self.house.settle()
        self.house.ready(user_id)
        assert caller.instance().status is Status.RUNNING

    def stop(self, user_id: str) -> None:
        """Have it stopped, which the hosts are told."""
        caller = self.ask(StopInstance(user_id=user_id))
        self.house.settle()
        self.house.end(user_id)
        assert caller.instance().status is Status.STOPPED
        eventually(lambda: self.place(user_id).state is State.STOPPED, "it is told")

    def step(self) -> None:
        """Have the steward hear of everything, and look once."""
        self.atlas.know(self.paper.view())
        self.steward.step()

    def restart(self) -> None:
        """End the manager without a word, and make the next one, which has not joined yet.

        The guard has killed what it ran.
        """
        self.jobs.close()
        self.house.crash()
        for process in self.house.processes.living():
            process.end()
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
def bench_of(path: Path, **settings: Any) -> Iterator[Bench]:
    """Make one; nothing of it is left afterwards."""
    with opened(path / "dbs", delete_grace=60, **settings) as house:
        made = Bench(house)
        try:
            yield made
        finally:
            made.close()
