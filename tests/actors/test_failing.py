"""Crashes, health checks, and when it is tried again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from actors import breaker
from actors.facts import (
    HealthChecked,
    InstanceReady,
    Problem,
    ProcessExited,
    RetryDue,
    StopTimedOut,
)
from actors.proc import ExitStatus
from actors.watch import STALL, STRIKE_INTERVAL, STRIKES
from bus.causes import REMEDY, Cause, Remedy
from bus.errors import InstanceIOError, ProcessError
from bus.states import Desired, Status
from tests.actors.house import House, opened


def strike_out(house: House) -> None:
    """Let three health checks in a row fail."""
    for _ in range(STRIKES):
        house.advance(house.settings.health_interval * 1.1)
        house.check("timeout")


def test_a_crash_is_followed_by_a_restart_at_once(house: House) -> None:
    """The first crash costs no waiting, is told, and counts as a restart."""
    house.run()
    house.end(code=-9)
    assert house.changes()[2:] == [Status.FAILED, Status.STARTING]
    failed = next(event for event in house.events if getattr(event, "status", "") == "Failed")
    assert getattr(failed, "reason", "") == (
        "Process error: PocketBase was ended by signal 9 (SIGKILL); restarting now"
    )
    house.ready()
    record = house.record()
    assert (record.status, record.restarts, record.failure) == (Status.RUNNING, 1, None)


def test_why_it_is_started_again_is_shown(house: House) -> None:
    """Until it runs again, the failure before stays in sight."""
    house.run()
    house.end(code=-9)
    failure = house.record().failure
    assert failure is not None
    assert (failure.cause, failure.exit_code) == (Cause.KILLED, -9)


def test_further_failures_back_off(house: House) -> None:
    """Each failure in a row is waited after twice as long."""
    house.run()
    house.end(code=1)
    waits = []
    for _ in range(4):
        house.end(code=1)
        assert house.status() is Status.FAILED
        waits.append(house.clock.due()[0])
        assert "; next try at 2026-01-01T" in house.record().reason
        house.advance(waits[-1])
        assert house.status() is Status.STARTING
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_crash_loop_is_said_and_slow(house: House) -> None:
    """From the sixth failure on it is tried every five minutes, and is called by its name."""
    house.run()
    for _ in range(6):
        house.end(code=1)
        due = house.clock.due()[0]
        if house.status() is Status.FAILED and due < 300:
            house.advance(due)
    assert house.status() is Status.FAILED
    assert "crash loop: 6 failures in a row, next try at " in house.record().reason
    assert house.clock.due()[0] == 300
    house.advance(300)
    house.ready()
    assert house.status() is Status.RUNNING


def test_health_that_is_proven_clears_the_slate(house: House) -> None:
    """After a minute of health the next crash is the first again."""
    house.run()
    house.end(code=1)
    house.ready()
    house.advance(house.services.policy.proven)
    house.end(code=1)
    assert house.status() is Status.STARTING


def test_health_that_is_not_proven_yet_counts_on(house: House) -> None:
    """Two crashes within a minute are two in a row."""
    house.run()
    house.end(code=1)
    house.ready()
    house.advance(house.services.policy.proven - 1)
    house.end(code=1)
    assert house.status() is Status.FAILED


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("failed to apply migration 1_x.js: Error: no", Cause.MIGRATION_FAILED),
        ("panic: failed to execute a.pb.js: no", Cause.HOOK_FAILED),
        ("file is not a database (26)", Cause.DATA_CORRUPT),
        ("mkdir x: permission denied", Cause.PERMISSION_DENIED),
    ],
)
def test_what_only_a_person_can_mend_is_not_tried_again(
    house: House, output: str, cause: Cause
) -> None:
    """Such a failure lasts until init_pb is called, and that is said."""
    house.fail(output=output)
    failure = house.record().failure
    assert failure is not None
    assert failure.cause is cause
    assert house.record().reason.endswith("; not tried again before init_pb is called")
    house.advance(3600)
    assert house.status() is Status.FAILED
    house.run()


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_is_treated_by_its_remedy(house: House, cause: Cause) -> None:
    """After a failed spawn it is tried again, except where only a person can help."""
    house.processes.faults.append(ProcessError("Process error: x", cause=cause))
    house.init()
    house.advance(3600)
    person = REMEDY[cause] is Remedy.PERSON
    assert house.alive() == (0 if person else 1)


def test_init_does_not_wait_for_the_retry(house: House) -> None:
    """Who calls init_pb starts it now, and the retry that was due is forgotten."""
    house.fail()
    house.run()
    house.advance(1)
    assert len(house.processes.spawned) == 2
    assert house.status() is Status.RUNNING


def test_many_failures_at_once_are_slowed(tmp_path: Path) -> None:
    """When a fleet fails, restarts are not immediate."""
    with opened(tmp_path / "dbs", max_starting=10) as house:
        msgspec.structs.force_setattr(
            house.services,
            "breaker",
            breaker.FleetBreaker(house.clock.monotonic, lambda: 0, lambda count: None),
        )
        users = [f"user{n}" for n in range(breaker.LEAST)]
        for user in users:
            house.run(user)
        for user in users:
            house.end(user, -9)
        statuses = [house.status(user) for user in users]
        assert statuses == [Status.STARTING] * (breaker.LEAST - 1) + [Status.FAILED]
        house.advance(breaker.SPREAD)
        assert house.status(users[-1]) is Status.STARTING


def test_facts_of_a_former_run_are_ignored(house: House) -> None:
    """What comes late, about a process of long ago, changes nothing."""
    house.run()
    house.end(code=-9)
    house.ready()
    process, told = house.process(), len(house.events)
    for fact in (
        ProcessExited(run=1, status=ExitStatus(code=0)),
        InstanceReady(run=1, identity="stale"),
        HealthChecked(run=1, problem=Problem(what="stale", silent=True)),
        StopTimedOut(run=1),
        RetryDue(run=1),
    ):
        house.tell_actor(fact)
    assert house.status() is Status.RUNNING
    assert house.process() is process
    assert (process.signals, len(house.events)) == ([], told)


def test_ready_after_a_verdict_is_too_late(house: House) -> None:
    """A process that is being killed for its slowness does not become Running."""
    house.init()
    house.advance(house.settings.start_timeout)
    house.ready()
    assert house.status() is Status.STARTING
    house.end(code=-9)
    assert house.status() is Status.FAILED


def test_health_is_checked_again_and_again(house: House) -> None:
    """Each check that goes well is remembered, and followed by the next."""
    process = house.run()
    for _ in range(3):
        house.advance(house.settings.health_interval * 1.1)
        ((port, _),) = house.health.checks
        assert port == process.port
        house.check(None)
        assert house.record().last_health_check == house.clock.now()


def test_checks_of_a_fleet_are_spread(house: House) -> None:
    """The time to the next check is jittered by a tenth."""
    house.run()
    first = house.clock.due()[0]
    assert 27 <= first <= 33


def test_no_check_is_begun_while_one_is_under_way(house: House) -> None:
    """A check that takes long is waited for."""
    house.run()
    house.advance(600)
    assert len(house.health.checks) == 1


def test_three_strikes_end_a_process_that_does_not_answer(house: House) -> None:
    """It is killed, the failure says why, and it is started again at once."""
    house.run()
    strike_out(house)
    process = house.process()
    assert process.signals == ["KILL"]
    house.end(code=-9)
    failure = house.record().failure
    assert failure is not None
    assert failure.cause is Cause.UNRESPONSIVE
    assert house.status() is Status.STARTING


def test_strikes_take_longer_than_a_stall(house: House) -> None:
    """From the first strike to the last more than ten seconds pass; a short stall is survived."""
    house.run()
    house.advance(house.settings.health_interval * 1.1)
    began = house.clock.monotonic()
    for _ in range(STRIKES):
        house.check("timeout")
        if not house.process().signals:
            house.advance(house.clock.due()[0])
    assert house.clock.monotonic() - began >= 2 * STRIKE_INTERVAL * 0.9


def condemn(house: House, *, silent: bool, busy: float) -> float:
    """Let checks fail until the process is condemned; return the seconds since the first strike.

    ``busy``: on how much of a core it works, or waits for one to work on.
    """
    house.advance(house.settings.health_interval * 1.1)
    pid, began = house.process().pid, house.clock.monotonic()
    for _ in range(200):
        house.processes.activities[pid] = busy * house.clock.monotonic()
        house.check("bad", silent=silent)
        if house.process().signals:
            return house.clock.monotonic() - began
        house.advance(min(house.clock.due()))
    raise AssertionError("never condemned")


@pytest.mark.parametrize(
    ("silent", "busy", "least", "most"),
    [
        (True, 0.0, 0.0, 0.3),  # it hangs
        (True, 0.01, 0.0, 0.3),  # as good as that
        (True, 0.5, STALL, STALL + 0.3),  # it is slow, but that for too long
        (False, 0.5, 0.0, 0.3),  # it answers, and badly
    ],
)
def test_often_checked_it_is_condemned_soon_unless_it_is_only_slow(
    tmp_path: Path, silent: bool, busy: float, least: float, most: float
) -> None:
    """With a short interval a hang is found at once, and a stall is still survived."""
    with opened(tmp_path / "often", health_interval=0.2) as house:
        house.run()
        assert least <= condemn(house, silent=silent, busy=busy) <= most


def test_an_answer_forgives_the_strikes(house: House) -> None:
    """Strikes count only in a row."""
    house.run()
    for problem in ("timeout", "timeout", None, "timeout", "timeout"):
        house.advance(house.settings.health_interval * 1.1)
        house.check(problem)
    assert house.status() is Status.RUNNING
    assert not house.process().signals


def test_a_condemned_process_that_does_not_die(house: House) -> None:
    """What hangs and cannot be killed is a failure within its deadline."""
    house.run()
    strike_out(house)
    house.advance(house.settings.stop_timeout)
    assert house.status() is Status.FAILED
    assert "does not end when killed" in house.record().reason
    house.end(code=-9)
    house.ready()
    assert house.status() is Status.RUNNING


def test_a_check_that_comes_back_after_the_end(house: House) -> None:
    """A check of what was stopped meanwhile changes nothing."""
    house.run()
    house.advance(house.settings.health_interval * 1.1)
    house.stop()
    house.check("timeout")
    house.end()
    house.check(None)
    assert house.status() is Status.STOPPED


def test_a_failure_is_told_though_the_registry_is_full(house: House) -> None:
    """What has happened is known and acted on, also when it cannot be written down."""
    house.run()
    house.store._database.execute("PRAGMA query_only = ON")
    house.end(code=-9)
    assert house.changes()[2:] == [Status.FAILED, Status.STARTING]
    house.ready()
    assert house.status() is Status.RUNNING
    assert house.record().desired is Desired.RUNNING


def test_a_crash_does_not_touch_the_neighbours(house: House) -> None:
    """One user's failure is nobody else's."""
    house.run("alice")
    bob = house.run("bob")
    house.processes.faults.append(InstanceIOError("IO error: x", cause=Cause.IO_ERROR))
    house.end("alice", -9)
    assert house.status("alice") is Status.FAILED
    assert house.process("bob") is bob
    assert house.changes("bob") == [Status.STARTING, Status.RUNNING]
