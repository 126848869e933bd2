"""From init_pb to Running, and what may come between."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.facts import StartTimedOut
from actors.lifecycle import WAITS
from bus.causes import Cause
from bus.errors import ProcessError
from bus.requests import InitInstance
from bus.states import Desired, Status
from tests.actors.fakes import make_database
from tests.actors.house import House, opened

TAKEN = "listen tcp 127.0.0.1:20000: bind: address already in use"


def test_a_new_user_is_started(house: House) -> None:
    """A first init_pb leads through Starting to Running, and is answered then."""
    caller = house.init()
    assert caller.waits
    assert house.status() is Status.STARTING
    house.ready()
    instance = caller.instance()
    process = house.process()
    assert instance.status is Status.RUNNING
    assert (instance.pid, instance.port) == (process.pid, process.port)
    assert instance.url == f"http://127.0.0.1:{process.port}"
    assert house.changes() == [Status.STARTING, Status.RUNNING]


def test_the_record_tells_the_process(house: House) -> None:
    """What the next manager needs to find the process again is written down."""
    identity = house.run().identity
    record = house.record()
    assert record.process == identity
    assert record.exe == "/opt/pocketbase"
    assert record.version == "0.40.6"
    assert record.identity == "of_alice.js@1"
    assert (record.run, record.desired) == (1, Desired.RUNNING)
    assert record.started_at == record.last_health_check == house.clock.now()


def test_it_is_launched_by_the_recipe(house: House) -> None:
    """The command names the user's own directories and port, and is given the lock."""
    process = house.run()
    (spec,) = house.processes.spawned
    assert spec.argv[:2] == ("/opt/pocketbase", "serve")
    assert f"--http=127.0.0.1:{process.port}" in spec.argv
    assert f"--dir={house.layout.data('alice')}" in spec.argv
    assert {"--automigrate=0", "--hooksWatch=0", "--dev=0"} < set(spec.argv)
    for kind in ("migrations", "hooks", "public"):
        path = house.services.template.directory(f"pb_{kind}")
        assert f"--{kind}Dir={path}" in spec.argv
    assert (spec.cwd, spec.log) == (house.layout.data("alice"), house.layout.log("alice"))
    assert len(spec.keep_open) == 1
    assert spec.env["PATH"] == ""


def test_who_does_not_wait_is_answered_at_once(house: House) -> None:
    """With wait=False the answer is Starting."""
    assert house.init(wait=False).instance().status is Status.STARTING


def test_a_running_instance_is_answered_at_once(house: House) -> None:
    """init_pb of what runs changes nothing."""
    process = house.run()
    assert house.init().instance().pid == process.pid
    assert house.changes() == [Status.STARTING, Status.RUNNING]


def test_fifty_callers_start_one_process(house: House) -> None:
    """Whoever asks while it starts joins the start under way."""
    callers = [house.ask_at_once(InitInstance(user_id="alice")) for _ in range(50)]
    house.settle()
    assert house.alive() == 1
    house.ready()
    assert {caller.instance().pid for caller in callers} == {house.process().pid}
    assert len(house.processes.spawned) == 1


def test_a_forced_restart_joins_a_start(house: House) -> None:
    """What is being started needs no restart."""
    first, second = house.init(), house.init(force_restart=True)
    house.ready()
    assert first.instance().pid == second.instance().pid
    assert house.changes() == [Status.STARTING, Status.RUNNING]


def test_a_forced_restart_replaces_the_process(house: House) -> None:
    """It is stopped first, started again then, and answered when that runs."""
    former = house.run()
    caller = house.init(force_restart=True)
    assert house.status() is Status.STOPPING
    assert former.signals == ["TERM"]
    former.end()
    house.settle()
    house.ready()
    assert caller.instance().pid == house.process().pid != former.pid
    assert house.changes()[2:] == [
        Status.STOPPING,
        Status.STOPPED,
        Status.STARTING,
        Status.RUNNING,
    ]


def test_a_start_while_it_stops_follows_the_stop(house: House) -> None:
    """init_pb during a stop is answered when it runs again; the stop is answered before."""
    house.run()
    stopping = house.stop()
    caller = house.init()
    assert house.status() is Status.STOPPING
    house.end()
    assert stopping.instance().status is Status.STOPPED
    assert caller.waits
    house.ready()
    assert caller.instance().status is Status.RUNNING


def test_a_user_keeps_the_port(house: House) -> None:
    """After a stop the same port is preferred again."""
    first = house.run().port
    house.stop()
    house.end()
    assert house.run().port == first


def test_a_start_that_takes_too_long_is_ended(house: House) -> None:
    """What does not become ready in time is killed, and the start has failed."""
    caller = house.init()
    house.advance(house.settings.start_timeout)
    process = house.process()
    assert process.signals == ["KILL"]
    assert house.status() is Status.STARTING
    process.end(-9)
    house.settle()
    error = caller.error()
    assert (error.code, error.message) == (
        "start_timeout",
        "PocketBase did not become healthy within 15 s",
    )
    assert error.instance is not None
    assert error.instance.status is Status.FAILED
    assert house.record().failure is not None


def test_a_timeout_that_comes_late_does_not_hurt(house: House) -> None:
    """When it became ready in the last moment, the timeout on its way is about nothing."""
    process = house.run()
    house.tell_actor(StartTimedOut(run=house.record().run))
    assert house.status() is Status.RUNNING
    assert not process.signals


def test_a_timeout_that_comes_after_the_failure_does_not_hurt(house: House) -> None:
    """When the process ended in the last moment, the timeout on its way is about nothing."""
    house.fail(output="file is not a database (26)")
    house.tell_actor(StartTimedOut(run=house.record().run))
    assert house.status() is Status.FAILED
    assert house.replaced.empty()


def test_a_timeout_that_comes_after_a_stop_does_not_kill(house: House) -> None:
    """Who is asked to end has the time to end well, also at the end of the time to start."""
    house.init()
    process = house.process()
    house.stop()
    house.tell_actor(StartTimedOut(run=house.record().run))
    assert process.signals == ["TERM"]


def test_an_exit_before_it_is_ready_is_told(house: House) -> None:
    """The last lines that it wrote stand in the error and the record."""
    error = house.fail(output="cipher: message authentication failed").error()
    assert error.code == "process_error"
    assert error.message == (
        "Process error: PocketBase exited with status 1 before it was ready: "
        "cipher: message authentication failed"
    )
    failure = house.record().failure
    assert failure is not None
    assert (failure.cause, failure.exit_code) == (Cause.UNKNOWN, 1)
    assert failure.output == "cipher: message authentication failed"


def test_a_silent_exit_is_told(house: House) -> None:
    """A process that wrote nothing is said to have written nothing."""
    assert house.fail().error().message.endswith("before it was ready: it wrote nothing")


def test_a_port_that_was_taken_meanwhile_costs_one_retry(house: House) -> None:
    """When another has taken the port, the next one is tried in the same start."""
    caller = house.init()
    first = house.process().port
    house.end(code=1, output=TAKEN)
    assert house.status() is Status.STARTING
    assert house.process().port == first + 1
    house.ready()
    assert caller.instance().port == first + 1
    assert house.changes() == [Status.STARTING, Status.RUNNING]


def test_three_ports_are_tried(house: House) -> None:
    """When others take three ports, the start has failed for now."""
    caller = house.init()
    ports = []
    for _ in range(3):
        ports.append(house.process().port)
        house.end(code=1, output=TAKEN)
    assert len(set(ports)) == 3
    assert house.alive() == 0
    assert TAKEN in caller.error().message
    failure = house.record().failure
    assert failure is not None
    assert failure.cause is Cause.PORT_IN_USE
    house.advance(1)
    assert house.status() is Status.STARTING


def test_no_port_is_an_error_of_its_own(house: House) -> None:
    """When the whole range is taken, nothing is started."""
    house.taken_ports.update(range(20_000, 20_100))
    error = house.init().error()
    assert error.code == "no_ports"
    assert error.message == (
        "No available ports for PocketBase instance: all of 20000 to 20099 are taken"
    )
    assert house.status() is Status.FAILED
    assert not house.processes.all


def test_a_process_that_cannot_be_spawned_is_told(house: House) -> None:
    """The operating system's reason comes back to the caller."""
    house.processes.faults.append(
        ProcessError("Process error: Failed to spawn", cause=Cause.BINARY_MISSING)
    )
    error = house.init().error()
    assert (error.code, error.message) == ("process_error", "Process error: Failed to spawn")
    assert house.status() is Status.FAILED


@pytest.mark.parametrize(
    ("number", "cause"), [(24, Cause.FD_LIMIT), (28, Cause.DISK_FULL), (5, Cause.IO_ERROR)]
)
def test_a_machine_at_its_limits_is_no_bug(house: House, number: int, cause: Cause) -> None:
    """Where the system itself refuses, the start fails and is tried again; the actor lives on."""
    house.processes.faults.append(OSError(number, "the system refuses"))
    error = house.init().error()
    assert (error.code, error.message) == (
        "io_error",
        f"IO error: [Errno {number}] the system refuses",
    )
    failure = house.record().failure
    assert failure is not None
    assert failure.cause is cause
    assert house.replaced.empty()
    house.advance(1)
    house.ready()
    assert house.status() is Status.RUNNING


def test_a_missing_database_is_not_served(house: House) -> None:
    """An instance that has run is not started on a directory that lost its database."""
    house.run()
    house.stop()
    house.end()
    (house.layout.data("alice") / "data.db").unlink()
    error = house.init().error()
    assert "data.db is missing; nothing was touched" in error.message
    assert house.status() is Status.FAILED
    assert house.alive() == 0


def test_a_directory_that_cannot_be_made(house: House) -> None:
    """Where a file stands in the way of the user's directory, that is said."""
    house.layout.data("alice").write_text("in the way")
    error = house.init().error()
    assert error.code == "io_error"
    assert error.message.startswith("IO error: cannot make the directory")


def test_starts_take_turns(tmp_path: Path) -> None:
    """Beyond PB_MAX_STARTING a start waits, says so, and goes on when it is its turn."""
    with opened(tmp_path / "dbs", max_starting=1) as house:
        first, second = house.init("first"), house.init("second")
        assert house.record("second").reason.endswith(WAITS)
        assert house.alive("second") == 0
        house.ready("first")
        assert first.instance().status is Status.RUNNING
        assert house.alive("second") == 1
        assert not house.record("second").reason.endswith(WAITS)
        house.ready("second")
        assert second.instance().status is Status.RUNNING


def test_a_queued_start_has_no_deadline_yet(tmp_path: Path) -> None:
    """The time to start counts from the start, not from the wish."""
    with opened(tmp_path / "dbs", max_starting=1, start_timeout=100.0) as house:
        house.init("first")
        house.advance(99)
        second = house.init("second")
        house.ready("first")
        house.advance(99)
        assert second.waits
        house.ready("second")
        assert second.instance().status is Status.RUNNING


def test_too_many_starts_are_refused(tmp_path: Path) -> None:
    """When the queue is full a start is refused, and nothing is remembered of it."""
    with opened(tmp_path / "dbs", max_starting=1, start_queue=1) as house:
        house.init("first")
        house.init("second")
        error = house.init("third").error()
        assert (error.code, error.retry_after) == ("too_many_starts", 1)
        assert house.store.get("third") is None
        house.ready("first")
        assert house.init("third", wait=False).instance().status is Status.STARTING


@pytest.mark.parametrize("end", ["stop", "fail", "timeout"])
def test_a_start_that_ends_lets_in_the_next(tmp_path: Path, end: str) -> None:
    """However a start ends, the next one gets its turn."""
    with opened(tmp_path / "dbs", max_starting=1) as house:
        house.init("first")
        house.init("second")
        process = house.process("first")
        match end:
            case "stop":
                house.stop("first")
            case "fail":
                house.end("first", 1)
            case _:
                house.advance(house.settings.start_timeout)
        if not process.exited:
            process.end(-9)
            house.settle()
        assert house.alive("second") == 1


def test_a_registry_that_cannot_be_written_starts_nothing(house: House) -> None:
    """A new instance that cannot be written down is refused, and nothing has happened."""
    house.store._database.execute("PRAGMA query_only = ON")
    error = house.init().error()
    assert (error.code, error.instance) == ("io_error", None)
    assert house.store.get("alice") is None
    assert not house.processes.all
    assert not house.events
    house.store._database.execute("PRAGMA query_only = OFF")
    house.run()


def test_a_stopped_instance_stays_so_when_it_cannot_be_written(house: House) -> None:
    """Also a known instance is not started before that is written down."""
    house.run()
    house.stop()
    house.end()
    house.store._database.execute("PRAGMA query_only = ON")
    assert house.init().error().code == "io_error"
    assert house.status() is Status.STOPPED
    assert house.alive() == 0


def test_data_of_a_failed_first_start_is_taken_up(house: House) -> None:
    """What a first start has left before it failed is no reason to refuse the second."""
    house.fail()
    make_database(house.layout.data("alice"), file="of_alice.js")
    house.advance(1)
    house.ready()
    assert house.record().identity == "of_alice.js@1"
