"""How a manager ends, with its instances or without them."""

from __future__ import annotations

import threading
from pathlib import Path

from actors.facts import HurryUp, Recover, ShutDown
from bus.requests import GetHealth, InitInstance
from bus.states import Desired, Status
from tests.actors.house import House, opened


def shut_down(house: House, *, keep: bool = False) -> threading.Event:
    """Begin to end the manager; return what is set when nothing is left to do."""
    done = threading.Event()
    house.supervisor.tell(ShutDown(done=done.set, keep=keep))
    house.settle()
    return done


def test_nothing_to_stop_is_done_at_once(house: House) -> None:
    """A manager without instances ends at once."""
    assert shut_down(house).is_set()


def test_every_process_is_stopped(house: House) -> None:
    """It is done when the last process is gone, and not before."""
    processes = [house.run(user) for user in ("alice", "bob")]
    done = shut_down(house)
    assert [process.signals for process in processes] == [["TERM"], ["TERM"]]
    house.end("alice")
    assert not done.is_set()
    house.end("bob")
    assert done.is_set()
    assert not house.actors()
    assert {house.status("alice"), house.status("bob")} == {Status.STOPPED}


def test_what_ran_is_wanted_again(house: House) -> None:
    """Those who ran come back with the next manager, those who were stopped do not."""
    house.run("alice")
    house.run("bob")
    house.stop("bob")
    house.end("bob")
    shut_down(house)
    house.end("alice")
    assert house.record("alice").desired is Desired.RUNNING
    house.crash()
    house.recover()
    house.ready("alice")
    assert (house.status("alice"), house.status("bob")) == (Status.RUNNING, Status.STOPPED)


def test_with_keep_the_processes_go_on(house: House) -> None:
    """They get no signal, the registry says Running, and the next manager adopts them."""
    process = house.run()
    assert shut_down(house, keep=True).is_set()
    assert (process.signals, house.status()) == ([], Status.RUNNING)
    house.crash()
    house.recover()
    assert house.process() is process
    assert not process.signals


def test_with_keep_a_start_goes_on(house: House) -> None:
    """A process that was just started is adopted by the next manager too."""
    caller = house.init()
    process = house.process()
    assert shut_down(house, keep=True).is_set()
    assert caller.error().code == "unavailable"
    house.crash()
    house.recover()
    house.ready()
    assert house.status() is Status.RUNNING
    assert house.process() is process


def test_a_queued_start_is_not_begun(tmp_path: Path) -> None:
    """What waits for its turn is Stopped at once, and wanted again."""
    with opened(tmp_path / "dbs", max_starting=1) as house:
        house.run("zoe")
        house.init("first")
        house.init("second")
        done = shut_down(house)
        assert house.status("second") is Status.STOPPED
        assert house.record("second").desired is Desired.RUNNING
        house.end("first")
        house.end("zoe")
        assert done.is_set()
        assert len(house.processes.spawned) == 2


def test_a_failed_one_is_not_tried_again(house: House) -> None:
    """A retry that was due is forgotten."""
    house.fail()
    assert shut_down(house).is_set()
    house.advance(600)
    assert house.alive() == 0


def test_a_crash_while_it_stops_is_an_end(house: House) -> None:
    """Whatever ends a process now, it is not started again."""
    house.run()
    done = shut_down(house)
    house.end(code=-11)
    assert done.is_set()
    assert house.alive() == 0


def test_those_who_wait_are_refused(house: House) -> None:
    """Whoever waits for a start, and whoever asks now, is told to come again."""
    waiting = house.init()
    done = shut_down(house)
    for caller in (waiting, house.init("bob"), house.ask(GetHealth())):
        error = caller.error()
        assert (error.code, error.message, error.retry_after) == (
            "unavailable",
            "The manager is stopping",
            5,
        )
    house.end()
    assert done.is_set()
    assert house.store.get("bob") is None


def test_a_request_that_came_before_is_refused_too(house: House) -> None:
    """A request that reaches the actor after its end was decided starts nothing."""
    house.run()
    caller = house.ask_at_once(InitInstance(user_id="alice", force_restart=True))
    done = shut_down(house)
    assert caller.error().code == "unavailable"
    house.end()
    assert done.is_set()
    assert house.alive() == 0


def test_who_ignores_sigterm_is_killed(house: House) -> None:
    """The deadline of a stop holds at the end too."""
    process = house.run()
    shut_down(house)
    house.advance(house.settings.stop_timeout)
    assert process.signals == ["TERM", "KILL"]


def test_hurry_kills_at_once(house: House) -> None:
    """A second signal to the manager does not wait for the deadline."""
    process = house.run()
    done = shut_down(house)
    house.supervisor.tell(HurryUp())
    house.settle()
    assert process.signals == ["TERM", "KILL"]
    house.end(code=-9)
    assert done.is_set()
    house.supervisor.tell(HurryUp())
    house.settle()


def test_an_undead_process_is_stopped_as_well_as_can_be(house: House) -> None:
    """A process that could not be killed is asked again, and its end is the end."""
    process = house.run()
    house.stop()
    house.advance(2 * house.settings.stop_timeout)
    done = shut_down(house)
    assert process.signals == ["TERM", "KILL", "TERM"]
    house.end(code=-9)
    assert done.is_set()


def test_housekeeping_ends_with_the_supervisor(house: House) -> None:
    """A timer of a supervisor that is gone is harmless."""
    house.supervisor.tell(Recover())
    house.settle()
    house.supervisor.stop()
    house.clock.advance(60)
