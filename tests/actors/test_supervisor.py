"""Who knows every user's actor, and answers what can be read."""

from __future__ import annotations

import msgspec
import pytest

from actors.disk import MIB, DiskWatch
from actors.facts import HousekeepingDue
from bus.answers import HealthAnswer, InstancesAnswer
from bus.events import DiskLow, DiskRecovered
from bus.requests import GetEvents, GetHealth, GetInstance, InitInstance, ListInstances
from bus.states import Status
from tests.actors.house import House
from tests.actors.test_store import record

USERS = sorted(f"user{number:02}" for number in range(25))
STATUSES = [Status.STOPPED, Status.FAILED, Status.STOPPED, Status.FAILED, Status.RUNNING]


@pytest.fixture
def fleet(house: House) -> House:
    """Return a house with 25 users on record, in several statuses."""
    for number, user in enumerate(USERS):
        house.store.put(record(user, STATUSES[number % len(STATUSES)]))
    return house


def listed(house: House, request: ListInstances) -> InstancesAnswer:
    """Ask for a page."""
    answer = house.ask(request).answer()
    assert isinstance(answer, InstancesAnswer)
    return answer


def test_an_unknown_user_has_no_instance(house: House) -> None:
    """Asking about a user makes nobody known, and costs no actor."""
    answer = house.ask(GetInstance(user_id="nobody")).answer()
    assert getattr(answer, "instance", "") is None
    assert not house.actors()
    assert house.store.total() == 0


def test_a_known_user_is_told_as_on_record(house: House) -> None:
    """What is told of an instance is what the registry says."""
    house.run()
    instance = house.ask(GetInstance(user_id="alice")).instance()
    assert instance.usage is None  # nobody has looked at it yet
    assert instance.last_backup is None
    on_record = house.record().instance(house.layout)
    beside = dict.fromkeys(("usage", "last_backup", "last_proven_backup"), msgspec.UNSET)
    assert msgspec.structs.replace(instance, **beside) == on_record


def test_a_listing_is_paged(fleet: House) -> None:
    """Page after page every user comes once, in order, with the number of all."""
    found: list[str] = []
    after = ""
    while True:
        answer = listed(fleet, ListInstances(limit=7, after=after))
        assert answer.total == 25
        found += answer.instances
        if answer.next is None:
            break
        after = answer.next
    assert found == USERS


@pytest.mark.parametrize("status", Status)
def test_a_listing_can_be_filtered(fleet: House, status: Status) -> None:
    """With a status only those in it are listed and counted."""
    expected = [user for n, user in enumerate(USERS) if STATUSES[n % 5] is status]
    answer = listed(fleet, ListInstances(status=status))
    assert (list(answer.instances), answer.total) == (expected, len(expected))
    assert answer.next is None


def test_a_filtered_listing_is_paged(fleet: House) -> None:
    """Pages of a filtered listing are full until the last."""
    expected = [user for n, user in enumerate(USERS) if STATUSES[n % 5] is Status.FAILED]
    answer = listed(fleet, ListInstances(status=Status.FAILED, limit=4))
    assert (list(answer.instances), answer.next) == (expected[:4], expected[3])
    answer = listed(fleet, ListInstances(status=Status.FAILED, limit=6, after=expected[3]))
    assert (list(answer.instances), answer.next) == (expected[4:], None)


def test_a_page_that_just_fits_is_the_last(fleet: House) -> None:
    """There is no cursor to an empty page."""
    assert listed(fleet, ListInstances(limit=25)).next is None
    assert listed(fleet, ListInstances(limit=24)).next == USERS[23]


def test_an_empty_registry_lists_nobody(house: House) -> None:
    """No users are an empty page."""
    assert listed(house, ListInstances()) == InstancesAnswer(instances={}, total=0, next=None)


def test_health_counts(fleet: House) -> None:
    """The manager's own health says how many are known, and how many run."""
    answer = fleet.ask(GetHealth()).answer()
    assert isinstance(answer, HealthAnswer)
    assert (answer.total_instances, answer.running_instances) == (25, 5)
    assert answer.at == fleet.clock.now()
    assert answer.disk_free_bytes > 0


def test_a_request_for_somebody_else_is_refused(house: House) -> None:
    """What belongs to the hub is an error here, not silence."""
    error = house.ask(GetEvents(epoch="x", after=0)).error()
    assert (error.code, error.message) == ("internal_error", "Nobody knows GetEvents")


def test_what_is_not_understood_does_not_hurt(house: House) -> None:
    """A foreign message is logged, and everybody lives on."""
    house.run()
    house.supervisor.tell("nonsense")
    house.tell_actor("nonsense")
    assert house.init().instance().status is Status.RUNNING


def test_reads_do_not_wait_for_starts(house: House) -> None:
    """While all slots hang, everything can be read."""
    users = [f"user{n}" for n in range(8)]
    for user in users:
        house.init(user)
    assert house.ask(GetInstance(user_id="user7")).instance().status is Status.STARTING
    assert listed(house, ListInstances()).total == 8


def test_each_user_has_one_actor(house: House) -> None:
    """Many requests of some users make as many actors as there are users."""
    for user in ("alice", "bob", "alice", "carol", "bob"):
        house.ask_at_once(InitInstance(user_id=user))
    house.settle()
    assert len(house.actors()) == 3


class Disk:
    """A disk of the test's own size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 10_000 * MIB
        monkeypatch.setattr("actors.disk.free_bytes", lambda path: self.free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_disk_that_gets_full_is_told_once(house: House, disk: Disk) -> None:
    """It is said when it becomes low, and when there is room again, and not in between."""
    for free in (2000, 1000, 900, 1, 1023, 1024, 5000):
        disk.free = free * MIB
        house.supervisor.tell(HousekeepingDue())
        house.settle()
    low, recovered = house.events
    assert isinstance(low, DiskLow)
    assert (low.free_bytes, low.topic) == (1000 * MIB, "manager.disk_low")
    assert low.reason == (
        f"1000 MiB are free at {house.layout.root}, less than 1024: writes will soon fail"
    )
    assert isinstance(recovered, DiskRecovered)
    assert recovered.free_bytes == 1024 * MIB


def test_the_disk_is_looked_at_from_the_start_on(house: House, disk: Disk) -> None:
    """The first look is at the start, and others follow without being asked for."""
    disk.free = 0
    house.recover()
    assert [type(event) for event in house.events] == [DiskLow]
    disk.free = 5000 * MIB
    house.advance(60)
    assert [type(event) for event in house.events] == [DiskLow, DiskRecovered]


def test_a_disk_that_cannot_be_asked_is_low(house: House) -> None:
    """Where the directory is gone there is no room."""
    watch = DiskWatch(
        house.layout.root / "gone", least=1, now=house.clock.now, publish=house.events.append
    )
    watch.check()
    assert watch.low
