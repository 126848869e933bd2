"""An instance that nobody uses is put to sleep, and woken by whoever calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from actors.door.routes import Busy, DoorActivity, Ports, Route
from actors.facts import AtRest, ShutDown
from bus.instance import Instance
from bus.requests import GetInstance, SleepInstance, WakeInstance
from bus.states import Desired, Status
from tests.actors.house import Caller, House


class PaperDoor:
    """A door that says what the test says."""

    def __init__(self) -> None:
        self.routes: dict[str, int] = {}
        self.looks: list[Callable[[Busy], None]] = []

    def opened(self, user_id: str, route: Route) -> None:
        self.routes[user_id] = route.port

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        pass

    def closed(self, user_id: str) -> None:
        self.routes.pop(user_id)

    def shut(self, user_id: str, report: Callable[[Busy], None]) -> None:
        self.routes.pop(user_id)
        self.looks.append(report)

    def sample(self, report: Callable[[Mapping[str, DoorActivity]], None]) -> None:
        report({})

    def pids(self) -> tuple[int, ...]:
        return ()


@pytest.fixture
def door(house: House) -> PaperDoor:
    door = PaperDoor()
    house.services.routes.serve(door)
    return door


def put_to_sleep(house: House) -> Caller:
    """Put the instance to sleep."""
    return house.ask(SleepInstance(user_id="alice", reason="Nobody used it for 60 s"))


def wake(house: House) -> Caller:
    """Wake the instance."""
    return house.ask(WakeInstance(user_id="alice"))


def asleep(house: House) -> None:
    """Have an instance that sleeps."""
    house.run()
    put_to_sleep(house)
    house.end()
    assert house.status() is Status.HIBERNATED


def seen(house: House) -> Instance:
    """What users see of it."""
    return house.ask(GetInstance(user_id="alice")).instance()


def test_it_sleeps_and_is_still_desired_to_run(house: House) -> None:
    """Its process is stopped; it is there for whoever calls."""
    house.run()
    caller = put_to_sleep(house)
    assert house.status() is Status.STOPPING
    house.end()
    assert caller.instance().status is Status.HIBERNATED
    instance = seen(house)
    assert (instance.desired, instance.reason) == (Desired.RUNNING, "Nobody used it for 60 s")
    assert (instance.port, instance.url, instance.pid) == (None, None, None)
    assert put_to_sleep(house).instance().status is Status.HIBERNATED


def test_all_who_call_are_answered_by_one_start_on_its_own_port(house: House) -> None:
    """A hundred calls start it once, on the port that it had before."""
    asleep(house)
    port = house.record().port
    callers = [wake(house) for _ in range(100)]
    house.ready()
    assert {caller.instance().port for caller in callers} == {port}
    assert len(house.processes.spawned) == 2
    assert wake(house).instance().status is Status.RUNNING


def test_only_so_many_wait(house: House) -> None:
    """Those beyond are told to come again, so that they hold nothing."""
    asleep(house)
    callers = [wake(house) for _ in range(120)]
    assert wake(house).error().retry_after == 1
    house.ready()
    assert all(caller.instance().status is Status.RUNNING for caller in callers)


def test_init_pb_wakes_it_too(house: House) -> None:
    """Whoever knows nothing of sleep need not."""
    asleep(house)
    caller = house.init()
    house.ready()
    assert caller.instance().status is Status.RUNNING


def test_stop_pb_lets_it_rest(house: House) -> None:
    """A sleeper that was stopped is not woken by a call at the door."""
    asleep(house)
    assert house.stop().instance().status is Status.STOPPED
    assert wake(house).error().code == "conflict"
    assert house.alive() == 0


def test_nobody_unknown_is_woken(house: House) -> None:
    """The door makes no users."""
    assert wake(house).error().code == "not_found"


def test_who_calls_while_it_is_being_stopped_wakes_it(house: House) -> None:
    """Its process ends, the next one begins, and the call is answered."""
    house.run()
    sleeper = put_to_sleep(house)
    caller = wake(house)
    house.end()
    assert sleeper.error().code == "conflict"
    house.ready()
    assert caller.instance().status is Status.RUNNING
    assert Status.HIBERNATED not in house.changes()


def test_it_sleeps_on_over_a_restart_of_the_manager(house: House) -> None:
    """The next manager lets it sleep, keeps its port for it and wakes it when it is called."""
    asleep(house)
    port = house.record().port
    house.crash()
    house.recover()
    assert house.status() is Status.HIBERNATED
    assert not house.actors(), "who sleeps needs no actor"
    caller = wake(house)
    house.ready()
    assert caller.instance().port == port


def test_a_manager_that_ends_lets_it_sleep(house: House) -> None:
    """Neither the end of the manager nor its next start makes a sleeper something else."""
    asleep(house)
    house.supervisor.tell(ShutDown(done=lambda: None))
    house.settle()
    assert house.status() is Status.HIBERNATED


def test_a_manager_that_dies_while_it_falls_asleep_starts_it_again(house: House) -> None:
    """Too much awake is harmless; it sleeps after its next idle time."""
    house.run()
    put_to_sleep(house)
    house.crash()
    house.recover()
    house.end()
    house.ready()
    assert house.status() is Status.RUNNING


def test_the_route_is_shut_before_the_last_look(house: House, door: PaperDoor) -> None:
    """Nobody new comes in while it is looked who is inside; then the process is stopped."""
    house.run()
    assert door.routes == {"alice": house.process().port}
    put_to_sleep(house)
    assert (door.routes, house.status()) == ({}, Status.RUNNING)
    door.looks.pop()(None)
    house.settle()
    assert house.process().signals == ["TERM"]


def test_who_is_inside_keeps_it_awake(house: House, door: PaperDoor) -> None:
    """The route is opened again, and whoever wanted it asleep is told why it is not."""
    house.run()
    caller = put_to_sleep(house)
    door.looks.pop()("2 requests are under way")
    house.settle()
    assert caller.error().message == "The instance stays awake: 2 requests are under way"
    assert door.routes == {"alice": house.process().port}
    assert house.changes() == [Status.STARTING, Status.RUNNING]


def test_who_comes_during_the_last_look_is_let_in(house: House, door: PaperDoor) -> None:
    """A call at exactly that moment is answered at once, and the look says nothing any more."""
    house.run()
    caller = put_to_sleep(house)
    assert wake(house).instance().status is Status.RUNNING
    assert caller.error().message == "The instance stays awake: it was woken"
    assert door.routes == {"alice": house.process().port}
    door.looks.pop()(None)
    house.settle()
    assert house.status() is Status.RUNNING
    assert house.process().signals == []


def test_stop_pb_during_the_last_look_wins(house: House, door: PaperDoor) -> None:
    """The look says nothing about an instance that is stopped already."""
    house.run()
    caller = put_to_sleep(house)
    stopped = house.stop()
    door.looks.pop()(None)
    house.settle()
    assert caller.error().code == "conflict"
    house.end()
    assert stopped.instance().status is Status.STOPPED
    assert door.routes == {}


def test_a_crash_is_no_route_and_its_callers_wait_for_the_restart(
    house: House, door: PaperDoor
) -> None:
    """Who calls between the death and the news of it is answered by the next process."""
    process = house.run()
    house.health.deaf.add(process.port)
    caller = wake(house)
    assert caller.waits
    house.end(code=-9)
    assert door.routes == {}
    house.ready()
    assert caller.instance().pid == house.process().pid


def test_who_listens_again_answers(house: House) -> None:
    """A process that starts itself anew, as PocketBase does after a restore, is waited for."""
    process = house.run()
    house.health.deaf.add(process.port)
    caller = wake(house)
    house.ready()
    assert caller.instance().pid == process.pid


def test_a_crash_loop_is_not_hurried(house: House) -> None:
    """However often it is called, it is tried again when that is due, and the caller told when."""
    asleep(house)
    first = wake(house)
    house.end(code=1)
    assert first.error().code == "process_error"
    for _ in range(5):
        soon = wake(house)
        house.advance(10)
        house.end(code=1)
        assert soon.error().code == "process_error"
    started = len(house.processes.spawned)
    for _ in range(50):
        error = wake(house).error()
    assert error.code == "unavailable"
    assert error.retry_after == pytest.approx(300, abs=20)
    assert len(house.processes.spawned) == started


def test_a_sleeper_has_no_actor(house: House) -> None:
    """What is known of a sleeper is in the registry; whoever calls gets an actor made anew."""
    asleep(house)
    house.settle()
    assert house.actors() == []
    caller = wake(house)
    house.ready()
    assert caller.instance().status is Status.RUNNING
    assert len(house.actors()) == 1


def test_who_comes_just_then_is_not_lost(house: House) -> None:
    """An actor that was told something since it came to rest is not let go."""
    asleep(house)
    house.settle()
    wake(house)
    house.ready()
    (actor,) = house.actors()
    for taken in (0, 1, 7):
        resting = AtRest(user_id="alice", urn=actor.actor_urn, taken=taken)
        wanted = wake(house) if taken == 1 else None
        house.supervisor.tell(resting)
        house.settle()
        assert house.actors() == [actor]
        assert wanted is None or wanted.instance().status is Status.RUNNING
