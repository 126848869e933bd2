"""The monitor: it looks when it is due, and answers what it saw."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pykka
import pytest

from actors.facts import Asked
from actors.monitor.monitor import LookDue, Monitor, monitor
from actors.monitor.survey import Survey
from actors.proc import identify
from bus.answers import Answer, FleetAnswer, HistoryAnswer, InstanceAnswer, UsageAnswer
from bus.events import UsageSampled
from bus.instance import Instance
from bus.requests import GetFleet, GetHistory, GetInstance, GetUsage, ListInstances, Request
from bus.states import Status
from bus.usage import Usage
from tests.actors.fakes import AtOnce
from tests.actors.house import Caller, House


class Watched:
    """A house with a monitor, in which the processes of paper have this test's own pid."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.actor = Monitor.start(house.services, AtOnce())

    def look(self) -> None:
        """Have everything looked at now."""
        self.actor.tell(LookDue())
        self.settle()

    def settle(self) -> None:
        self.ask(GetFleet()).answer()  # its inbox is empty up to here
        self.ask(GetFleet()).answer()

    def ask(self, request: Request) -> Caller:
        caller = Caller()
        self.actor.tell(Asked(request=request, reply=caller.answers.put))
        return caller

    def make_real(self, user_id: str) -> None:
        """Let the user's process be one that can be looked at."""
        identity = identify(os.getpid())
        record = self.house.record(user_id)
        assert identity is not None
        self.house.store.put_in_memory(
            msgspec.structs.replace(
                record, pid=os.getpid(), start_ticks=identity.start_ticks, boot_id=identity.boot_id
            )
        )


@pytest.fixture
def watched(house: House) -> Iterator[Watched]:
    watched = Watched(house)
    yield watched
    watched.actor.stop()


def usage_of(answer: Answer) -> Usage:
    assert isinstance(answer, InstanceAnswer)
    assert answer.instance is not None
    assert isinstance(answer.instance.usage, Usage)
    return answer.instance.usage


def test_an_instance_is_shown_with_what_it_takes(house: House, watched: Watched) -> None:
    """pb_status has it always, a list where it was asked for; before a look it is null."""
    house.run("alice")
    watched.make_real("alice")
    shown = house.ask(GetInstance(user_id="alice")).instance()
    assert shown.usage is None
    house.clock.advance(5.0)
    watched.look()
    usage = usage_of(house.ask(GetInstance(user_id="alice")).answer())
    assert usage.sampled_at == house.clock.now()
    assert usage.uptime_seconds == 5.0
    assert usage.connections == 0
    assert usage.memory_bytes is not None
    assert usage.memory_bytes > 5_000_000
    assert usage.data_bytes is None  # measured after the look, shown by the next one
    watched.look()
    assert usage_of(house.ask(GetInstance(user_id="alice")).answer()).data_bytes
    (listed,) = instances(house, usage=True)
    assert isinstance(listed.usage, Usage)
    (listed,) = instances(house, usage=False)
    assert listed.usage is msgspec.UNSET


def instances(house: House, *, usage: bool) -> list[Instance]:
    answer: Any = house.ask(ListInstances(usage=usage)).answer()
    return list(answer.instances.values())


def test_each_look_at_a_process_is_told(house: House, watched: Watched) -> None:
    """There is an event for an instance that has a process, and none for the others."""
    house.run("alice")
    house.run("bob")
    watched.make_real("alice")
    house.stop("bob")
    house.end("bob")
    watched.look()
    told = [event for event in house.events if isinstance(event, UsageSampled)]
    assert [event.user_id for event in told] == ["alice"]
    assert told[0].usage == house.services.usage.latest("alice")
    assert told[0].topic == "usage.alice.usage_sampled"


def test_looks_follow_each_other(house: House, watched: Watched) -> None:
    """The next look is due PB_USAGE_INTERVAL after the last one was over."""
    house.run("alice")
    watched.make_real("alice")
    watched.look()
    for _ in range(3):
        house.clock.advance(house.settings.usage_interval)
        watched.settle()
    answer = watched.ask(GetUsage(user_id="alice")).answer()
    assert isinstance(answer, UsageAnswer)
    assert answer.interval == house.settings.usage_interval
    assert len(answer.points) == 4
    assert answer.usage == house.services.usage.latest("alice")


def test_a_look_that_fails_is_not_the_last(
    house: House, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one look is logged; the next one comes all the same."""
    house.run("alice")
    watched.make_real("alice")
    with monkeypatch.context() as patch:
        patch.setattr(Survey, "look_at_all", lambda self: 1 / 0)
        watched.look()
    assert house.services.usage.latest("alice") is None
    house.clock.advance(house.settings.usage_interval)
    watched.settle()
    assert house.services.usage.latest("alice") is not None


def test_who_has_no_process_is_looked_at_for_news_only(house: House, watched: Watched) -> None:
    """Ten thousand sleepers cost a look-up each: nothing is noted that was noted before."""
    house.run("alice")
    house.stop("alice")
    house.end("alice")
    watched.look()
    watched.look()  # the size of its data, which was measured after the first
    seen = house.services.usage.latest("alice")
    assert seen is not None
    house.clock.advance(1.0)
    watched.look()
    assert house.services.usage.latest("alice") is seen
    house.run("alice")
    watched.make_real("alice")
    watched.look()
    assert house.services.usage.latest("alice") is not seen


def test_a_process_that_is_gone_leaves_its_data(house: House, watched: Watched) -> None:
    """Of an instance without a process the size of the data is known, and nothing else."""
    house.run("alice")  # of paper: no such pid
    watched.look()
    watched.look()
    usage = house.services.usage.latest("alice")
    assert usage is not None
    assert usage == Usage(sampled_at=house.clock.now(), data_bytes=usage.data_bytes)
    assert usage.data_bytes


def test_the_fleet_is_summed_up(house: House, watched: Watched) -> None:
    """Every status is counted, and what the instances take is added."""
    for user_id in ("alice", "bob", "carol"):
        house.run(user_id)
    house.stop("carol")
    house.end("carol")
    house.init("dave")
    for user_id in ("alice", "bob"):
        house.services.usage.note(
            user_id,
            Usage(
                sampled_at=house.clock.now(),
                cpu_percent=1.5,
                cpu_seconds=1.0,
                memory_bytes=1000,
                connections=2,
                data_bytes=10,
            ),
        )
    house.services.usage.note("carol", Usage(sampled_at=house.clock.now(), data_bytes=100))
    answer = watched.ask(GetFleet()).answer()
    assert isinstance(answer, FleetAnswer)
    counted = {Status.RUNNING: 2, Status.STOPPED: 1, Status.STARTING: 1}
    assert answer.statuses == dict.fromkeys(Status, 0) | counted
    assert (answer.wanted, answer.starts_under_way, answer.starts_waiting) == (3, 1, 0)
    assert (answer.cpu_percent, answer.memory_bytes, answer.connections) == (3.0, 2000, 4)
    assert answer.data_bytes == 120
    assert answer.machine.memory_bytes > answer.machine.memory_available_bytes > 0
    assert answer.manager.pid == os.getpid()
    assert answer.manager.memory_bytes > 0


def test_the_history_is_told(house: House, watched: Watched) -> None:
    """The statuses that an instance went through, oldest first, with reasons and failures."""
    house.fail("alice", output="no space left on device")
    answer = watched.ask(GetHistory(user_id="alice")).answer()
    assert isinstance(answer, HistoryAnswer)
    first, last = answer.transitions
    assert (first.status, first.reason, first.failure) == (
        Status.STARTING,
        "init_pb was called",
        None,
    )
    assert last.status is Status.FAILED
    assert last.failure is not None
    assert last.failure.cause == "disk_full"


@pytest.mark.parametrize("request_", [GetUsage(user_id="zed"), GetHistory(user_id="zed")])
def test_who_is_not_known_has_neither(watched: Watched, request_: Request) -> None:
    """An unknown user is an error."""
    assert watched.ask(request_).error().code == "not_found"


def test_it_is_closed_with_its_thread(house: House) -> None:
    """Nothing of it lives on."""
    capability = monitor(house.services)
    capability.close()
    assert not capability.owner.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        capability.owner.tell(LookDue())
