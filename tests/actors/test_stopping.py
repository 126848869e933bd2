"""From stop_pb to Stopped."""

from __future__ import annotations

from pathlib import Path

from actors.ports import COOLING
from bus.requests import StopInstance
from bus.states import Desired, Status
from tests.actors.house import House, opened


def test_a_running_instance_is_stopped(house: House) -> None:
    """It is asked to end, and stop_pb is answered when it has."""
    process = house.run()
    caller = house.stop()
    assert (house.status(), process.signals) == (Status.STOPPING, ["TERM"])
    assert caller.waits
    house.end()
    instance = caller.instance()
    assert (instance.status, instance.pid, instance.port) == (Status.STOPPED, None, None)
    assert instance.desired is Desired.STOPPED
    assert house.record().stopped_at == house.clock.now()
    assert house.changes()[2:] == [Status.STOPPING, Status.STOPPED]


def test_the_wish_is_written_before_it_is_acted_on(house: House) -> None:
    """While it stops, the registry knows already that it is to be stopped."""
    house.run()
    house.stop()
    assert house.record().desired is Desired.STOPPED


def test_a_stopped_instance_is_answered_at_once(house: House) -> None:
    """stop_pb of what is stopped changes nothing."""
    house.run()
    house.stop()
    house.end()
    told = len(house.events)
    assert house.stop().instance().status is Status.STOPPED
    assert len(house.events) == told


def test_all_who_stop_are_answered(house: House) -> None:
    """Fifty calls of stop_pb are one stop."""
    process = house.run()
    callers = [house.ask_at_once(StopInstance(user_id="alice")) for _ in range(50)]
    house.settle()
    assert process.signals == ["TERM"]
    house.end()
    assert {caller.instance().status for caller in callers} == {Status.STOPPED}


def test_an_unknown_user_cannot_be_stopped(house: House) -> None:
    """Nobody is made known by being stopped."""
    error = house.stop("nobody").error()
    assert (error.code, error.message) == (
        "not_found",
        "No PocketBase instance for user nobody",
    )
    assert house.store.get("nobody") is None
    assert not house.actors()


def test_stopping_a_start_refuses_those_who_wait_for_it(house: House) -> None:
    """Who waits for Running learns that it was stopped instead."""
    starting = house.init()
    stopping = house.stop()
    error = starting.error()
    assert (error.code, error.message) == (
        "conflict",
        "The instance was stopped before it was ready",
    )
    assert error.instance is not None
    assert error.instance.status is Status.STOPPING
    house.end()
    assert stopping.instance().status is Status.STOPPED


def test_a_queued_start_is_stopped_without_a_process(tmp_path: Path) -> None:
    """What only waits for its turn is stopped at once, and never started."""
    with opened(tmp_path / "dbs", max_starting=1) as house:
        house.init("first")
        starting = house.init("second")
        assert house.stop("second").instance().status is Status.STOPPED
        assert starting.error().code == "conflict"
        house.ready("first")
        assert house.alive("second") == 0
        assert house.changes("second") == [Status.STARTING, Status.STOPPED]


def test_a_stop_during_a_forced_restart_wins(house: House) -> None:
    """Who asked for the restart is refused, and nothing is started again."""
    house.run()
    restarting = house.init(force_restart=True)
    stopping = house.stop()
    assert restarting.error().code == "conflict"
    house.end()
    assert stopping.instance().status is Status.STOPPED
    assert house.alive() == 0


def test_who_ignores_sigterm_is_killed(house: House) -> None:
    """After PB_STOP_TIMEOUT it is ended the hard way."""
    process = house.run()
    caller = house.stop()
    house.advance(house.settings.stop_timeout - 0.1)
    assert process.signals == ["TERM"]
    house.advance(0.1)
    assert process.signals == ["TERM", "KILL"]
    house.end(code=-9)
    assert caller.instance().status is Status.STOPPED


def test_who_does_not_even_die_is_a_failure(house: House) -> None:
    """What SIGKILL does not end is said, and whoever waits is answered."""
    process = house.run()
    caller = house.stop()
    house.advance(2 * house.settings.stop_timeout)
    error = caller.error()
    assert (error.code, error.message) == (
        "process_error",
        f"Process error: pid {process.pid} does not end when killed",
    )
    assert house.status() is Status.FAILED
    assert house.record().pid == process.pid


def test_beside_an_undead_process_nothing_is_started(house: House) -> None:
    """init_pb is refused as long as the former process is there."""
    process = house.run()
    house.stop()
    house.advance(2 * house.settings.stop_timeout)
    error = house.init().error()
    assert error.code == "conflict"
    assert error.message == f"The former process (pid {process.pid}) cannot be ended"
    assert house.alive() == 1


def test_an_undead_process_that_ends_at_last(house: House) -> None:
    """When it is gone the instance is what was asked for: stopped, or started again."""
    house.run()
    house.stop()
    house.advance(2 * house.settings.stop_timeout)
    house.end(code=-9)
    assert house.status() is Status.STOPPED
    house.run()
    house.init(force_restart=True)
    house.advance(2 * house.settings.stop_timeout)
    assert house.status() is Status.FAILED
    house.end(code=-9)
    house.ready()
    assert house.status() is Status.RUNNING


def test_an_undead_process_can_be_stopped_again(house: House) -> None:
    """stop_pb tries once more, and is answered within its deadline."""
    process = house.run()
    house.stop()
    house.advance(2 * house.settings.stop_timeout)
    caller = house.stop()
    assert house.status() is Status.STOPPING
    assert process.signals == ["TERM", "KILL", "TERM"]
    house.advance(2 * house.settings.stop_timeout)
    assert process.signals[3:] == ["KILL"]
    assert caller.error().code == "process_error"
    assert house.status() is Status.FAILED


def test_a_stop_ends_the_wait_for_a_retry(house: House) -> None:
    """A failed instance that is stopped is not tried again."""
    house.fail()
    assert house.status() is Status.FAILED
    assert house.stop().instance().status is Status.STOPPED
    house.advance(3600)
    assert house.status() is Status.STOPPED
    assert house.alive() == 0


def test_an_exit_in_the_moment_of_a_stop(house: House) -> None:
    """A crash that nobody knows of yet, when the stop is asked for, is no failure."""
    process = house.run()
    house.stop()
    process.end(-11)
    house.settle()
    assert house.status() is Status.STOPPED
    assert house.record().failure is None


def test_a_stop_that_cannot_be_written_is_refused(house: House) -> None:
    """A wish that would be forgotten is not acted on."""
    process = house.run()
    house.store._database.execute("PRAGMA query_only = ON")
    assert house.stop().error().code == "io_error"
    assert (house.status(), process.signals) == (Status.RUNNING, [])


def test_a_stopped_user_holds_no_port_and_no_turn(tmp_path: Path) -> None:
    """Port and turn are free for others afterwards."""
    with opened(tmp_path / "dbs", max_starting=1, port_range=1) as house:
        house.run("first")
        house.stop("first")
        house.end("first")
        house.advance(COOLING)
        assert house.run("second").port == 20_000
