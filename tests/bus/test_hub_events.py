"""The hub's events: numbered, announced, kept for those who missed some."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import zmq

from bus import codec
from bus.answers import EventsAnswer, HealthAnswer
from bus.client import BusClient
from bus.events import Heartbeat, StatusChanged, UsageSampled
from bus.hub import MAX_MESSAGE, Hub
from bus.metrics import Metrics
from bus.requests import GetEvents, GetHealth
from tests.bus.conftest import Bus
from tests.bus.parts import Mind, Script, changed, sampled


def test_events_are_numbered_in_the_order_they_leave(bus: Bus, hub: Hub) -> None:
    """Events of many threads carry 1, 2, 3 ... without a hole, and the hub's epoch."""
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    events.subscribe(b"hub.")
    events.recv_multipart()
    events.subscribe(b"instance.")
    events.recv_multipart()
    with ThreadPoolExecutor(4) as pool:
        for number in range(1_000):
            pool.submit(hub.publish, changed(f"user{number}"))
        received = [codec.decode_event(events.recv_multipart()[1]) for _ in range(1_000)]
    assert [event.seq for event in received] == list(range(1, 1_001))
    assert {event.epoch for event in received} == {hub.epoch}


def test_the_topic_is_the_users(bus: Bus, hub: Hub) -> None:
    """A bare SUB socket gets one user's events, as two frames, by the topic of the contract."""
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    events.subscribe(b"instance.bob.")
    events.subscribe(b"hub.")
    events.recv_multipart()
    events.unsubscribe(b"hub.")
    for user in ("bo", "bobby", "alice", "bob"):
        hub.publish(changed(user))
    while (frames := events.recv_multipart())[0] == b"hub.heartbeat":
        continue
    topic, body = frames
    assert topic == b"instance.bob.status_changed"
    assert json.loads(body)["user_id"] == "bob"


def test_a_new_subscription_is_greeted(bus: Bus, hub: Hub) -> None:
    """Whoever subscribes learns at once that it worked, and with which number events went on."""
    for _ in range(3):
        hub.publish(changed())
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    events.subscribe(b"")
    for _ in range(4):
        event = codec.decode_event(events.recv_multipart()[1])
        if isinstance(event, Heartbeat):
            break
    assert isinstance(event, Heartbeat)
    assert event.epoch == hub.epoch
    assert event.seq == 3


def test_who_comes_while_others_publish_is_greeted(bus: Bus) -> None:
    """Whoever sends may be the one who takes the subscription in; no heartbeat would mend it."""
    hub = bus.hub(Mind(), heartbeat=3600)
    done = threading.Event()

    def publish() -> None:
        while not done.is_set():
            hub.publish(changed())

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(publish)
        try:
            for _ in range(20):
                events = bus.socket(zmq.SUB, bus.endpoints.event)
                events.subscribe(b"hub.")
                assert isinstance(codec.decode_event(events.recv_multipart()[1]), Heartbeat)
        finally:
            done.set()


def test_what_nobody_wants_is_not_sent(bus: Bus) -> None:
    """Of what has no number, and only of that."""
    metrics = Metrics()
    hub = bus.hub(Mind(), metrics=metrics)
    sent = metrics.events_published.labels("usage_sampled")
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    hub.publish(sampled("alice"))
    assert sent.value == 0
    events.subscribe(b"usage.alice.")
    events.subscribe(b"hub.")
    events.recv_multipart()  # both have arrived
    for user in ("bob", "alice"):
        hub.publish(sampled(user))
    assert sent.value == 1
    while events.recv_multipart()[0] != sampled("alice").topic.encode():
        continue
    hub.publish(changed("alice"))
    assert metrics.events_published.labels("status_changed").value == 1
    events.unsubscribe(b"usage.alice.")
    events.subscribe(b"hub.heart")
    while codec.decode_event(events.recv_multipart()[1]).seq != 1:
        continue  # a greeting from before that: it has not arrived yet
    hub.publish(sampled("alice"))
    assert sent.value == 1


def test_heartbeats_go_on_by_themselves(bus: Bus, script: Script) -> None:
    """A heartbeat goes out again and again, and takes no number of the events."""
    hub = bus.hub(script, heartbeat=0.01)
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    events.subscribe(b"hub.")
    beats = [codec.decode_event(events.recv_multipart()[1]) for _ in range(5)]
    assert {(beat.epoch, beat.seq) for beat in beats} == {(hub.epoch, 0)}


def test_what_subscribers_send_is_ignored(bus: Bus) -> None:
    """Messages against the stream, however many or long, do not stop the hub."""
    bus.hub(Mind())
    upstream = bus.socket(zmq.XSUB, bus.endpoints.event)
    for noise in (b"", b"\x02noise", b"\x00never subscribed", b"\xff" * (MAX_MESSAGE + 1)):
        upstream.send(noise)
    assert bus.client().ask(GetHealth(), HealthAnswer).total_instances == 0
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    events.subscribe(b"")
    assert isinstance(codec.decode_event(events.recv_multipart()[1]), Heartbeat)


def missed(client: BusClient, epoch: str, after: int) -> tuple[bool, list[int]]:
    answer = client.ask(GetEvents(epoch=epoch, after=after), EventsAnswer)
    assert answer.head == 5
    return answer.complete, [event.seq for event in answer.events]


def test_missed_events_can_be_asked_for(bus: Bus, client: BusClient) -> None:
    """The hub returns exactly what came after a number, or says that it cannot."""
    hub = bus.hub(Mind(), history=3)
    for _ in range(5):
        hub.publish(changed())
    client.ask(GetHealth(), HealthAnswer)  # the events went out before this answer
    assert missed(client, hub.epoch, 5) == (True, [])
    assert missed(client, hub.epoch, 4) == (True, [5])
    assert missed(client, hub.epoch, 2) == (True, [3, 4, 5])
    assert missed(client, hub.epoch, 1) == (False, [])
    assert missed(client, hub.epoch, 0) == (False, [])
    assert missed(client, hub.epoch, 6) == (False, [])
    assert missed(client, hub.epoch, -1) == (False, [])
    assert missed(client, "another", 5) == (False, [])


def test_close_sends_what_is_still_to_be_sent(bus: Bus, hub: Hub) -> None:
    """The last events before the end reach those who listen."""
    events = bus.socket(zmq.SUB, bus.endpoints.event)
    events.subscribe(b"")
    events.recv_multipart()
    for _ in range(500):
        hub.publish(changed())
    hub.close()
    received = [codec.decode_event(events.recv_multipart()[1]) for _ in range(500)]
    assert [event.seq for event in received if isinstance(event, StatusChanged)][-1] == 500


def test_what_is_measured_takes_no_number(bus: Bus, hub: Hub, client: BusClient) -> None:
    """It has the number of the last event, is not kept, and only who asked for it gets it."""
    measured, others = (bus.socket(zmq.SUB, bus.endpoints.event) for _ in range(2))
    measured.subscribe(b"usage.alice.")
    others.subscribe(b"instance.")
    for socket in (measured, others):
        socket.subscribe(b"hub.")
        socket.recv_multipart()
        socket.unsubscribe(b"hub.")
    for event in (changed("alice"), sampled("alice"), sampled("alice2"), changed("alice")):
        hub.publish(event)
    topic, body = measured.recv_multipart()
    assert topic == b"usage.alice.usage_sampled"
    measurement = codec.decode_event(body)
    assert isinstance(measurement, UsageSampled)
    assert (measurement.epoch, measurement.seq) == (hub.epoch, 1)
    assert [codec.decode_event(others.recv_multipart()[1]).seq for _ in range(2)] == [1, 2]
    answer = client.ask(GetEvents(epoch=hub.epoch, after=0), EventsAnswer)
    assert (answer.head, [each.seq for each in answer.events]) == (2, [1, 2])
