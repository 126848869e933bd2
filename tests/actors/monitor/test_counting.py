"""What becomes of the instances, counted as it is told."""

from __future__ import annotations

import pytest

from actors.monitor.counting import Counting
from actors.monitor.readings import read_fleet
from bus.events import ActorReplaced, Event
from bus.metrics import Metrics
from bus.states import Status
from tests.actors.house import House
from tests.bus.readings import value


@pytest.fixture
def counting(house: House, monkeypatch: pytest.MonkeyPatch) -> Metrics:
    """Return the metrics of a house whose events are counted as they are published."""
    monkeypatch.setattr(house, "events", Heard(Counting(house.services)))
    return house.services.metrics


class Heard(list[Event]):
    """The events of a house; each that is added is counted."""

    def __init__(self, counting: Counting) -> None:
        super().__init__()
        self._counting = counting

    def append(self, event: Event) -> None:
        super().append(event)
        self._counting.hear(event)


def starts(metrics: Metrics, result: str, cause: str = "none") -> float:
    return value(metrics, "pblm_starts_total", result=result, cause=cause)


def test_a_start_is_counted_and_timed(house: House, counting: Metrics) -> None:
    """From the wish to Running, the time in the queue included."""
    caller = house.init("alice")
    house.clock.advance(0.75)
    house.ready("alice")
    caller.instance()
    assert starts(counting, "started") == 1
    name = "pblm_start_duration_seconds"
    assert value(counting, f"{name}_sum", result="started") == pytest.approx(0.75)
    assert value(counting, f"{name}_count", result="failed") == 0


def test_a_failed_start_is_counted_with_its_cause(house: House, counting: Metrics) -> None:
    """What PocketBase wrote decides what is counted."""
    house.fail("alice", output="no space left on device")
    assert starts(counting, "failed", "disk_full") == 1
    assert value(counting, "pblm_failures_total", cause="disk_full") == 1
    assert starts(counting, "started") == 0


def test_a_start_that_is_called_off_is_neither(house: House, counting: Metrics) -> None:
    """Whoever stops an instance that starts has not seen it fail."""
    house.init("alice")
    house.stop("alice")
    house.end("alice")
    assert starts(counting, "cancelled") == 1
    assert sum(starts(counting, "failed", cause) for cause in ("killed", "unknown")) == 0


def test_a_death_and_its_restart_are_counted(house: House, counting: Metrics) -> None:
    """An unplanned death is a failure, the start after it a restart."""
    house.run("alice")
    house.end("alice", -9)
    house.ready("alice")
    assert value(counting, "pblm_failures_total", cause="killed") == 1
    assert value(counting, "pblm_restarts_total") == 1
    assert starts(counting, "started") == 2
    house.stop("alice")
    house.end("alice")
    house.run("alice")
    assert value(counting, "pblm_restarts_total") == 1


def test_a_stop_is_counted_and_timed(house: House, counting: Metrics) -> None:
    """From the wish until the process is gone."""
    house.run("alice")
    house.stop("alice")
    house.clock.advance(0.5)
    house.end("alice")
    assert value(counting, "pblm_stops_total") == 1
    assert value(counting, "pblm_stop_duration_seconds_sum") == pytest.approx(0.5)


def test_restarts_of_a_former_manager_do_not_count(house: House, counting: Metrics) -> None:
    """The counter begins with 0 in each life of the manager, whatever is on record."""
    house.run("alice")
    house.end("alice", -9)
    house.ready("alice")
    later = Counting(house.services)
    before = value(counting, "pblm_restarts_total")
    later.hear(house.events[-1])
    assert value(counting, "pblm_restarts_total") == before


def test_a_bug_is_counted(house: House, counting: Metrics) -> None:
    """An actor that had to be replaced shows."""
    house.events.append(
        ActorReplaced(at=house.clock.now(), user_id="alice", reason="It died of a bug")
    )
    assert value(counting, "pblm_actors_replaced_total") == 1


def test_the_fleet_is_read_as_it_is(house: House) -> None:
    """Statuses, causes and queues come from the registry, without asking an actor."""
    house.run("alice")
    house.fail("bob", output="file is not a database")
    house.init("carol")
    fleet = read_fleet(house.services, {"Supervisor": 0})
    assert fleet.statuses[Status.RUNNING] == 1
    assert (fleet.wanted, fleet.starts_under_way, fleet.starts_waiting) == (3, 1, 0)
    alice, bob, carol = fleet.instances
    assert (alice.status, alice.cause) == (Status.RUNNING, None)
    assert alice.started_at == house.clock.now().timestamp()
    assert (bob.status, bob.cause, bob.started_at) == (Status.FAILED, "data_corrupt", None)
    assert carol.status is Status.STARTING
    assert fleet.disk_free_bytes > 0
