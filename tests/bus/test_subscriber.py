"""The whole story of the instances, whatever is lost on the way."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bus.errors import Unavailable
from bus.events import DiskLow, Event, Heartbeat, HostConnected, StatusChanged, UsageSampled
from bus.hub import Hub
from bus.states import Status
from bus.subscriber import Snapshot, Subscriber
from tests.bus.conftest import Bus
from tests.bus.parts import (
    NOW,
    PATIENCE,
    Endpoints,
    Mind,
    Wire,
    changed,
    instance,
    sampled,
)

GARBAGE: list[tuple[bytes, ...]] = [
    (b"instance.", b""),
    (b"instance.alice.status_changed", b"garbage"),
    (b"instance.alice.status_changed", b'{"event":"\xff"}'),
    (b"instance.alice.status_changed", b"[" * 100_000),
    (b"instance.alice.status_changed", b'{"v":2,"event":"status_changed"}'),
    (b"instance.alice.planet_aligned", b'{"event":"planet_aligned","seq":1}'),
    (b"hub.",),
    (b"hub.heartbeat", b"1", b"2", b"3"),
    (b"hub.heartbeat", b'{"event":"heartbeat"}'),
]


@pytest.fixture
def mind() -> Mind:
    return Mind()


@pytest.fixture
def hub(bus: Bus, mind: Mind) -> Hub:
    return bus.hub(mind)


@pytest.fixture
def wire(bus: Bus, hub: Hub, short_dir: Path) -> Wire:
    return bus.wire(f"ipc://{short_dir}/wire.sock")


@pytest.fixture
def wired(bus: Bus, hub: Hub, wire: Wire, short_dir: Path) -> Subscriber:
    """Return a subscriber at the end of the wire, with its first picture taken."""
    subscriber = bus.subscriber(event=f"ipc://{short_dir}/wire.sock")
    wire.await_subscriber()
    wire.beat(hub.epoch, 0)
    assert snapshot(subscriber).seq == 0
    return subscriber


def snapshot(subscriber: Subscriber) -> Snapshot:
    update = subscriber.receive(PATIENCE)
    assert isinstance(update, Snapshot), update
    return update


def seqs(subscriber: Subscriber, count: int) -> list[int]:
    updates = [subscriber.receive(PATIENCE) for _ in range(count)]
    return [update.seq for update in updates if update and not isinstance(update, Snapshot)]


def test_a_host_that_is_heard_again_is_looked_at_anew(
    bus: Bus, hub: Hub, mind: Mind, wired: Subscriber, wire: Wire
) -> None:
    """What happened there before was told to nobody: a fresh picture follows the news."""
    mind.instances["bob"] = instance("bob")
    hub.publish(HostConnected(at=NOW, reason="Host h2 is heard", peer="h2"))
    wire.pass_on()
    assert isinstance(wired.receive(PATIENCE), HostConnected)
    assert [*snapshot(wired).instances] == ["bob"]


def test_the_story_begins_with_the_true_picture(bus: Bus, hub: Hub, mind: Mind) -> None:
    """A subscriber that comes late first gets all instances as they are now."""
    for user, status in (("a", Status.STARTING), ("a", Status.RUNNING), ("b", Status.FAILED)):
        mind.change(hub, user, status)
    first = snapshot(bus.subscriber())
    assert first.instances == {
        "a": instance("a", Status.RUNNING),
        "b": instance("b", Status.FAILED),
    }
    assert (first.epoch, first.seq) == (hub.epoch, 3)


def test_events_follow_in_order(bus: Bus, hub: Hub, mind: Mind) -> None:
    """After the picture comes every event, typed, one by one."""
    subscriber = bus.subscriber()
    snapshot(subscriber)
    for status in (Status.STARTING, Status.RUNNING, Status.STOPPING, Status.STOPPED):
        mind.change(hub, "alice", status)
    updates = list(itertools.islice(subscriber, 4))
    assert [update.seq for update in updates] == [1, 2, 3, 4]
    told = [update.status for update in updates if isinstance(update, StatusChanged)]
    assert told == [Status.STARTING, Status.RUNNING, Status.STOPPING, Status.STOPPED]


def test_one_users_subscriber_hears_of_nobody_else(bus: Bus, hub: Hub, mind: Mind) -> None:
    """The filter is exact: bob's subscriber sees neither bob.x nor bobby, in picture or event."""
    others = ("bob.x", "bob.status_changed", "bobby", "bo", "Bob")
    for user in (*others, "bob"):
        mind.change(hub, user)
    subscriber = bus.subscriber(user_id="bob")
    assert set(snapshot(subscriber).instances) == {"bob"}
    for user in (*others, "bob"):
        mind.change(hub, user, Status.FAILED)
    update = subscriber.receive(PATIENCE)
    assert isinstance(update, StatusChanged)
    assert (update.user_id, update.seq) == ("bob", 12)


def test_news_of_the_manager_is_numbered_too(bus: Bus, hub: Hub, mind: Mind) -> None:
    """What concerns no user goes to those who asked for everybody, and leaves no hole."""
    everybody, bob = bus.subscriber(), bus.subscriber(user_id="bob")
    snapshot(everybody), snapshot(bob)
    hub.publish(DiskLow(at=NOW, reason="asked by a test", free_bytes=1))
    mind.change(hub, "bob")
    assert isinstance(everybody.receive(PATIENCE), DiskLow)
    assert seqs(everybody, 1) == seqs(bob, 1) == [2]


def test_a_picture_of_many_pages_is_whole(bus: Bus) -> None:
    """However many instances there are, the picture has all of them."""
    mind = Mind(page=7)
    hub = bus.hub(mind)
    for number in range(50):
        mind.change(hub, f"user{number}")
    assert snapshot(bus.subscriber()).instances == mind.instances


def test_a_hole_is_filled_from_the_command_socket(
    hub: Hub, mind: Mind, wire: Wire, wired: Subscriber
) -> None:
    """Events that were lost on the way are asked for, and come in their place."""
    for number in range(6):
        mind.change(hub, f"user{number}")
    wire.pass_on(1)
    wire.lose(3)
    wire.pass_on(2)
    assert seqs(wired, 6) == [1, 2, 3, 4, 5, 6]


def test_a_lost_tail_is_discovered_by_the_heartbeat(
    hub: Hub, mind: Mind, wire: Wire, wired: Subscriber
) -> None:
    """When the last events were lost and nothing follows, the heartbeat shows it."""
    for number in range(3):
        mind.change(hub, f"user{number}")
    wire.lose(3)
    wire.beat(hub.epoch, 3)
    assert seqs(wired, 3) == [1, 2, 3]


def test_a_filtered_subscriber_sees_holes_too(
    bus: Bus, hub: Hub, mind: Mind, wire: Wire, short_dir: Path
) -> None:
    """What was lost of one user is found, also when the next event is another user's."""
    subscriber = bus.subscriber(event=f"ipc://{short_dir}/wire.sock", user_id="bob")
    wire.await_subscriber()
    wire.beat(hub.epoch, 0)
    snapshot(subscriber)
    mind.change(hub, "bob", Status.FAILED)
    mind.change(hub, "alice")
    wire.lose(1)
    wire.pass_on(1)
    assert seqs(subscriber, 1) == [1]


def test_a_repeated_event_is_delivered_once(
    hub: Hub, mind: Mind, wire: Wire, wired: Subscriber
) -> None:
    """An event that is already known, or older, is passed over."""
    for number in range(3):
        mind.change(hub, f"user{number}")
    wire.pass_on(3, times=3)
    wire.beat(hub.epoch, 1)
    mind.change(hub, "user3")
    wire.pass_on(1)
    assert seqs(wired, 4) == [1, 2, 3, 4]


def test_a_hole_that_is_too_old_becomes_a_new_picture(
    bus: Bus, mind: Mind, short_dir: Path
) -> None:
    """When the hub no longer has what was missed, the story begins anew with the truth."""
    hub = bus.hub(mind, history=2)
    wire_end = f"ipc://{short_dir}/wire.sock"
    wire = bus.wire(wire_end)
    subscriber = bus.subscriber(event=wire_end)
    wire.await_subscriber()
    wire.beat(hub.epoch, 0)
    snapshot(subscriber)
    for number in range(5):
        mind.change(hub, f"user{number}")
    wire.lose(4)
    wire.pass_on(1)
    anew = snapshot(subscriber)
    assert anew.seq == 5
    assert anew.instances == mind.instances
    mind.change(hub, "user5")
    wire.pass_on(1)
    assert seqs(subscriber, 1) == [6]


def test_a_slow_subscriber_misses_nothing(bus: Bus, hub: Hub, mind: Mind) -> None:
    """A burst far beyond what a socket holds by default arrives whole, and ends in the truth."""
    subscriber = bus.subscriber()
    snapshot(subscriber)
    for number in range(3_000):
        mind.change(hub, f"user{number % 10}", [Status.RUNNING, Status.FAILED][number % 2])
    known = {}
    for expected in range(1, 3_001):
        update = subscriber.receive(PATIENCE)
        assert isinstance(update, StatusChanged)
        assert update.seq == expected
        known[update.user_id] = update.instance
    assert known == mind.instances


def test_a_restarted_manager_is_a_new_story(bus: Bus, hub: Hub, mind: Mind) -> None:
    """After a restart on the same endpoints the subscriber gets the new picture by itself."""
    subscriber = bus.subscriber()
    assert snapshot(subscriber).epoch == hub.epoch
    mind.change(hub, "alice")
    assert seqs(subscriber, 1) == [1]
    hub.close()
    mind.instances["alice"] = instance("alice", Status.STOPPED)
    mind.instances["bob"] = instance("bob", Status.STARTING)
    reborn = bus.hub(mind)
    anew = snapshot(subscriber)
    assert (anew.epoch, anew.seq) == (reborn.epoch, 0)
    assert anew.instances == mind.instances
    mind.change(reborn, "bob")
    while isinstance(update := subscriber.receive(PATIENCE), Snapshot):
        continue
    assert update is not None
    assert (update.epoch, update.seq) == (reborn.epoch, 1)


@pytest.mark.parametrize("frames", GARBAGE, ids=lambda frames: repr(b" ".join(frames)[:60]))
def test_garbage_among_the_events_is_passed_over(
    hub: Hub, mind: Mind, wire: Wire, wired: Subscriber, frames: tuple[bytes, ...]
) -> None:
    """What is no event is logged and forgotten; at worst the picture is taken again."""
    wire.send(*frames)
    mind.change(hub, "alice")
    wire.pass_on(1)
    update = wired.receive(PATIENCE)
    if isinstance(update, Snapshot):
        assert update.instances == mind.instances
    else:
        assert update is not None
        assert update.seq == 1


def test_a_manager_that_is_not_up_yet_is_tried_again(bus: Bus, mind: Mind) -> None:
    """A refusal on the command socket delays the picture to the next heartbeat."""
    mind.refusals += [Unavailable("not up yet"), Unavailable("not up yet")]
    hub = bus.hub(mind, heartbeat=0.02)
    mind.change(hub, "alice")
    assert snapshot(bus.subscriber()).instances == mind.instances
    assert mind.refusals == []


def test_a_command_socket_that_comes_later_is_found(
    bus: Bus, hub: Hub, mind: Mind, wire: Wire, short_dir: Path
) -> None:
    """While nobody answers there is no picture; once somebody does, there is the true one."""
    wire_end, later = f"ipc://{short_dir}/wire.sock", f"ipc://{short_dir}/later.sock"
    subscriber = bus.subscriber(event=wire_end, command=later, timeout=0.5)
    wire.await_subscriber()
    wire.beat("not there", 0)
    assert subscriber.receive(0.01) is None
    mind.change(hub, "alice")
    second = bus.hub(mind, endpoints=Endpoints(later, f"ipc://{short_dir}/other.sock"))
    for _ in range(20):  # a machine that is busy may need more than one heartbeat
        wire.beat(second.epoch, 0)
        if update := subscriber.receive(0.5):
            break
    assert isinstance(update, Snapshot)
    assert update.instances == mind.instances


def test_nothing_new_is_none(bus: Bus, hub: Hub) -> None:
    """With a timeout, the end of the news is said and not waited for."""
    subscriber = bus.subscriber()
    snapshot(subscriber)
    assert subscriber.receive(0) is None
    assert subscriber.receive(0.01) is None


def test_the_event_that_filled_the_hole_is_not_repeated(
    hub: Hub, mind: Mind, wire: Wire, wired: Subscriber
) -> None:
    """Events that arrive after they were asked for are known already."""
    for number in range(4):
        mind.change(hub, f"user{number}")
    wire.beat(hub.epoch, 4)
    assert seqs(wired, 4) == [1, 2, 3, 4]
    wire.pass_on(4)
    mind.change(hub, "user4")
    wire.pass_on(1)
    assert seqs(wired, 1) == [5]


def test_what_is_measured_is_for_who_asks(bus: Bus, hub: Hub, mind: Mind) -> None:
    """One subscriber hears of measurements, one of a single user's, one of none; all of changes."""
    everything, alices = bus.subscriber(usage=True), bus.subscriber(user_id="alice", usage=True)
    changes = bus.subscriber()
    for subscriber in (everything, alices, changes):
        snapshot(subscriber)
    for user_id in ("alice.b", "alice"):
        hub.publish(sampled(user_id))
    mind.change(hub, "alice")
    for subscriber, users in ((everything, ["alice.b", "alice"]), (alices, ["alice"])):
        heard = [subscriber.receive(PATIENCE) for _ in users]
        assert [each.user_id for each in heard if isinstance(each, UsageSampled)] == users
        assert isinstance(subscriber.receive(PATIENCE), StatusChanged)
    assert isinstance(changes.receive(PATIENCE), StatusChanged)


def test_a_measurement_shows_a_hole_as_well(
    bus: Bus, hub: Hub, mind: Mind, wire: Wire, short_dir: Path
) -> None:
    """Its number is that of the last event: whoever missed that one asks for it."""
    subscriber = bus.subscriber(event=f"ipc://{short_dir}/wire.sock", usage=True)
    wire.await_subscriber()
    wire.beat(hub.epoch, 0)
    snapshot(subscriber)
    mind.change(hub, "alice")
    hub.publish(sampled("alice"))
    wire.lose()
    wire.pass_on()
    changed, measured = subscriber.receive(PATIENCE), subscriber.receive(PATIENCE)
    assert isinstance(changed, StatusChanged)
    assert isinstance(measured, UsageSampled)
    assert (changed.seq, measured.seq) == (1, 1)


def test_a_waiting_subscriber_can_be_interrupted(bus: Bus, hub: Hub) -> None:
    """Another thread ends the wait; what is heard later is not lost."""
    subscriber = bus.subscriber()
    assert snapshot(subscriber).seq == 0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(subscriber.receive)
        subscriber.interrupt()
        assert waiting.result(PATIENCE) is None
    hub.publish(changed("alice"))
    assert isinstance(subscriber.receive(PATIENCE), StatusChanged)


def test_an_interruption_is_kept_for_the_next_wait(bus: Bus, hub: Hub) -> None:
    """Whoever interrupts a moment too early has not done so in vain."""
    subscriber = bus.subscriber()
    assert snapshot(subscriber).seq == 0
    for _ in range(70_000):  # more than a pipe holds
        subscriber.interrupt()
    assert subscriber.receive() is None


def test_heartbeats_are_told_to_those_who_ask(bus: Bus, mind: Mind) -> None:
    """They say up to which event the story is told."""
    hub = bus.hub(mind, heartbeat=0.02)
    subscriber = bus.subscriber(heartbeats=True)
    assert snapshot(subscriber).seq == 0
    hub.publish(changed("alice"))
    until(subscriber, StatusChanged)
    assert until(subscriber, Heartbeat).seq == 1


def until(subscriber: Subscriber, kind: type[Event]) -> Event:
    """Return the first update of this kind."""
    while not isinstance(update := subscriber.receive(PATIENCE), kind):
        assert update is not None
    return update
