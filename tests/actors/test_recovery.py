"""What a manager makes of what a former one has left."""

from __future__ import annotations

import itertools
from pathlib import Path
from threading import Event

import msgspec
import pytest

from actors.facts import Recover, ShutDown
from actors.records import Record
from actors.recovery import AT_ONCE, Recovery
from bus.causes import Cause
from bus.events import StatusChanged
from bus.instance import Failure
from bus.requests import GetInstance, InitInstance
from bus.states import Desired, Status
from tests.actors.fakes import FakeProcess, make_database
from tests.actors.house import House, opened

EVERYTHING = list(itertools.product(Status, Desired, [True, False]))
"""Every status, every wish, and a process that lives or not."""


def leave(
    house: House, status: Status, desired: Desired, *, alive: bool, user_id: str = "alice"
) -> tuple[Record, FakeProcess]:
    """Leave a record, as a former manager would, and a process of it; return both."""
    data = house.layout.data(user_id)
    make_database(data)
    process = house.processes.stranger(data, 20_055)
    record = Record(
        user_id=user_id,
        status=status,
        desired=desired,
        reason="before",
        port=20_055,
        pid=process.pid,
        start_ticks=process.identity.start_ticks,
        boot_id=process.identity.boot_id,
        exe="/opt/pocketbase",
        run=7,
        identity="first.js@1",
        created_at=house.clock.now(),
        started_at=house.clock.now(),
    )
    house.store.put(record)
    if not alive:
        process.end()
    return record, process


def live_on(house: House) -> None:
    """Let the world do what is asked of it: processes end, and become ready."""
    for process in house.processes.living():
        if process.signals:
            process.end()
    house.settle()
    if house.alive():
        house.ready()


@pytest.mark.parametrize(("status", "desired", "alive"), EVERYTHING)
def test_what_is_becomes_what_is_desired(
    house: House, status: Status, desired: Desired, alive: bool
) -> None:
    """From whatever was left, the instance gets to what its user asked for, and stays there."""
    leave(house, status, desired, alive=alive)
    house.recover()
    live_on(house)
    assert house.replaced.empty()
    expected = Status.RUNNING if desired is Desired.RUNNING else Status.STOPPED
    if (status, desired, alive) == (Status.HIBERNATED, Desired.RUNNING, False):
        expected = Status.HIBERNATED
    assert (house.status(), house.record().desired) == (expected, desired)
    assert house.alive() == (1 if expected is Status.RUNNING else 0)
    house.advance(3600)
    assert house.status() is expected


@pytest.mark.parametrize(
    "status", [Status.RUNNING, Status.STARTING, Status.STOPPED, Status.HIBERNATED]
)
def test_a_living_process_is_adopted_without_a_restart(house: House, status: Status) -> None:
    """What is to run and lives goes on: the same process, the same port, no signal."""
    _, process = leave(house, status, Desired.RUNNING, alive=True)
    house.recover()
    house.ready()
    assert house.process() is process
    assert (process.signals, house.processes.spawned) == ([], [])
    assert house.status() is Status.RUNNING
    assert (house.record().pid, house.record().port) == (process.pid, 20_055)


def test_an_adopted_process_is_looked_after(house: House) -> None:
    """It is checked at once and from then on, and restarted when it crashes."""
    leave(house, Status.RUNNING, Desired.RUNNING, alive=True)
    house.recover()
    assert len(house.health.checks) == 1
    house.check(None)
    assert house.record().last_health_check == house.clock.now()
    house.end(code=None)
    assert house.changes() == [Status.FAILED, Status.STARTING]


def test_an_adopted_process_keeps_its_port(house: House) -> None:
    """Nobody else is given the port of a process that was adopted."""
    leave(house, Status.RUNNING, Desired.RUNNING, alive=True)
    house.recover()
    record = Record(
        user_id="bob",
        status=Status.STOPPED,
        desired=Desired.STOPPED,
        reason="before",
        port=20_055,
        created_at=house.clock.now(),
    )
    house.store.put(record)
    assert house.run("bob").port != 20_055


def test_an_adopted_start_has_its_deadline(house: House) -> None:
    """A start that a former manager has begun is given the time of a start, and no more."""
    _, process = leave(house, Status.STARTING, Desired.RUNNING, alive=True)
    house.recover()
    house.advance(house.settings.start_timeout)
    assert process.signals == ["KILL"]


def test_a_stop_under_way_is_finished(house: House) -> None:
    """What was being stopped is asked again, and killed when it does not end."""
    _, process = leave(house, Status.STOPPING, Desired.STOPPED, alive=True)
    house.recover()
    assert process.signals == ["TERM"]
    house.advance(house.settings.stop_timeout)
    assert process.signals == ["TERM", "KILL"]


def test_a_restart_under_way_is_finished(house: House) -> None:
    """What was being stopped in order to be started again is started again."""
    leave(house, Status.STOPPING, Desired.RUNNING, alive=True)
    house.recover()
    live_on(house)
    assert house.changes() == [Status.STOPPED, Status.STARTING, Status.RUNNING]


def test_an_end_that_nobody_saw_is_told(house: House) -> None:
    """What ran and is gone is Failed first, and started then."""
    leave(house, Status.RUNNING, Desired.RUNNING, alive=False)
    house.recover()
    assert house.changes() == [Status.FAILED, Status.STARTING]


@pytest.mark.parametrize("status", [Status.STOPPED, Status.FAILED, Status.RUNNING])
def test_a_record_of_the_dead_is_cleared(house: House, status: Status) -> None:
    """Nobody is told the pid of a process that is gone."""
    leave(house, status, Desired.RUNNING, alive=False)
    house.recover()
    starting = house.events[-1]
    assert isinstance(starting, StatusChanged)
    assert starting.status is Status.STARTING
    assert (starting.instance.pid, starting.instance.started_at) == (None, None)
    assert house.record().exe is None


def test_what_only_a_person_can_mend_stays(house: House) -> None:
    """A restart of the manager mends no data."""
    record, _ = leave(house, Status.FAILED, Desired.RUNNING, alive=False)
    failure = Failure(cause=Cause.DATA_MISSING)
    house.store.put(msgspec.structs.replace(record, failure=failure, pid=None))
    house.recover()
    house.advance(3600)
    assert house.status() is Status.FAILED
    assert house.record().reason == "before"
    assert not house.processes.spawned
    house.run()


@pytest.mark.parametrize("alive", [True, False])
def test_a_start_after_a_person_has_mended_it_goes_on(house: House, alive: bool) -> None:
    """The failure before a start under way is no reason to leave it where it is."""
    record, _ = leave(house, Status.STARTING, Desired.RUNNING, alive=alive)
    failure = Failure(cause=Cause.DATA_MISSING)
    house.store.put(msgspec.structs.replace(record, failure=failure))
    house.recover()
    house.ready()
    assert house.status() is Status.RUNNING


def test_a_crash_loop_gets_a_new_chance(house: House) -> None:
    """What failed for a reason that may pass is tried again by the next manager."""
    record, _ = leave(house, Status.FAILED, Desired.RUNNING, alive=False)
    failure = Failure(cause=Cause.UNKNOWN)
    house.store.put(msgspec.structs.replace(record, failure=failure, pid=None))
    house.recover()
    house.ready()
    assert house.status() is Status.RUNNING


@pytest.mark.parametrize("difference", ["directory", "executable", "start"])
def test_a_process_that_differs_is_left_alone(house: House, difference: str) -> None:
    """What is not the process on record in every point gets no signal."""
    record, process = leave(house, Status.RUNNING, Desired.RUNNING, alive=True)
    elsewhere = str(house.layout.data("somebody"))
    match difference:
        case "directory":
            process.directory = elsewhere
        case "executable":
            house.processes.executables[process.pid] = "/usr/bin/other"
            process.directory = str(house.layout.root / "elsewhere")
        case _:
            house.store.put(msgspec.structs.replace(record, start_ticks=1))
            process.directory = elsewhere
    house.recover()
    assert process.signals == []
    assert house.process() is not process
    house.ready()
    assert house.status() is Status.RUNNING


def test_all_users_are_known_at_once(house: House) -> None:
    """Every user on record can be asked about before anything is started."""
    for number in range(20):
        leave(house, Status.RUNNING, Desired.RUNNING, alive=False, user_id=f"user{number}")
    house.recover()
    for number in range(20):
        instance = house.ask(GetInstance(user_id=f"user{number}")).instance()
        assert instance.status is Status.STARTING


def test_users_come_back_in_turns(tmp_path: Path) -> None:
    """Those who are to run are started so many at a time, whatever the queue takes."""
    with opened(tmp_path / "dbs", max_starting=3, start_queue=1) as house:
        users = [f"user{number}" for number in range(12)]
        for user in users:
            leave(house, Status.STOPPED, Desired.RUNNING, alive=False, user_id=user)
        house.recover()
        while waiting := [user for user in users if house.status(user) is Status.STARTING]:
            spawned = [user for user in waiting if house.alive(user)]
            assert len(spawned) == min(3, len(waiting))
            house.ready(spawned[0])
        assert {house.status(user) for user in users} == {Status.RUNNING}


def test_only_those_who_are_to_run_cost_something(house: House) -> None:
    """Users who are stopped have no actor until they are asked for."""
    for number in range(30):
        record, _ = leave(
            house, Status.STOPPED, Desired.STOPPED, alive=False, user_id=f"user{number:02}"
        )
        house.store.put(msgspec.structs.replace(record, pid=None))
    leave(house, Status.RUNNING, Desired.RUNNING, alive=True)
    house.recover()
    assert len(house.actors()) == 1


def test_a_killed_manager_costs_no_service(house: House) -> None:
    """Manager after manager may die: the same processes go on."""
    processes = [house.run(user) for user in ("alice", "bob", "carol")]
    for _ in range(5):
        house.crash()
        house.recover()
    assert house.processes.living() == processes
    assert not any(process.signals for process in processes)
    assert {house.status(user) for user in ("alice", "bob", "carol")} == {Status.RUNNING}


def test_a_manager_that_dies_before_it_wrote_the_pid(house: House) -> None:
    """A process that no record explains is ended before the user's own is started."""
    house.init()
    stray = house.process()
    house.store.put(msgspec.structs.replace(house.record(), pid=None))
    house.crash()
    house.recover()
    assert stray.signals == ["TERM"]
    assert house.alive() == 1
    stray.end()
    house.settle()
    house.ready()
    assert house.status() is Status.RUNNING
    assert house.process() is not stray


CROWD = [f"user{number:02}" for number in range(5 * AT_ONCE)]


def test_a_crowd_comes_a_few_at_a_time() -> None:
    """The next one is told when one has done it; who was asked for is told first, and once."""
    told: list[str] = []
    waiting: list[bool] = []

    def recover(user_id: str) -> None:
        told.append(user_id)
        waiting.append(recovery.take(user_id))

    recovery = Recovery(recover)
    recovery.begin(CROWD)
    assert told == CROWD[:AT_ONCE]
    recover(CROWD[-1])
    recovery.next()
    assert told == [*CROWD[:AT_ONCE], CROWD[-1], CROWD[AT_ONCE]]
    assert all(waiting)
    recovery.hurry()
    assert sorted(told) == CROWD
    recovery.next()
    assert not recovery.take(CROWD[0])


def test_whoever_is_asked_for_is_recovered_first(house: House) -> None:
    """A call that comes while others wait for their turn finds the process that is there."""
    processes = [
        leave(house, Status.RUNNING, Desired.RUNNING, alive=True, user_id=user)[1] for user in CROWD
    ]
    house.supervisor.tell(Recover())
    callers = [house.ask_at_once(InitInstance(user_id=user)) for user in reversed(CROWD)]
    house.settle()
    for user in CROWD:
        house.ready(user)
    assert {caller.instance().pid for caller in callers} == {process.pid for process in processes}
    assert (house.processes.living(), house.processes.spawned) == (processes, [])


def test_an_end_amid_a_recovery_leaves_nobody(house: House) -> None:
    """A manager that is told to end while others wait for their turn ends their processes, too."""
    for user in CROWD:
        leave(house, Status.RUNNING, Desired.RUNNING, alive=True, user_id=user)
    house.supervisor.tell(Recover())
    done = Event()
    house.supervisor.tell(ShutDown(done=done.set, keep=False))
    house.settle()
    for process in house.processes.living():
        assert process.signals == ["TERM"]
        process.end()
    house.settle()
    assert done.is_set()
    assert {house.status(user) for user in CROWD} == {Status.STOPPED}
