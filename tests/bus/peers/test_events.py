"""What hosts hear of each other."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
import zmq

from bus.events import Origin, StatusChanged
from bus.peers.feed import Feed
from bus.peers.hearing import Hearing
from bus.peers.messages import Beyond
from bus.peers.sockets import serving
from tests.bus.parts import PATIENCE, changed
from tests.bus.peers.hosts import Host, hosts, meet


@pytest.fixture
def two() -> Iterator[list[Host]]:
    with hosts("h1", "h2") as opened:
        yield opened


def _heard(host: Host) -> tuple[str, Origin]:
    event, origin = host.mind.heard.get(timeout=PATIENCE)
    assert isinstance(event, StatusChanged)
    return event.user_id, origin


def test_events_are_heard_in_order(two: list[Host]) -> None:
    """Each comes with the host it is from, and its place in that host's story."""
    h1, h2 = two
    for user_id in ("ann", "bob"):
        h2.bus.publish(changed(user_id))
    (first, one), (second, two_) = _heard(h1), _heard(h1)
    assert (first, second) == ("ann", "bob")
    assert (one.host, one.seq, two_.seq) == ("h2", 1, 2)
    assert one.epoch == two_.epoch != ""


def test_what_was_lost_on_the_way_is_fetched(two: list[Host]) -> None:
    """A hole in the numbers is filled over the other socket, in order."""
    h1, h2 = two
    for user_id in ("ann", "bob"):
        h2.lose(changed(user_id))
    h2.bus.publish(changed("cid"))
    assert [_heard(h1)[0] for _ in range(3)] == ["ann", "bob", "cid"]


def test_what_is_lost_for_good_is_told() -> None:
    """When more was lost than is kept, the story is told to begin anew, and goes on from there."""
    with hosts("h1", "h2", kept=2) as (h1, h2):
        for user_id in ("ann", "bob", "cid"):
            h2.lose(changed(user_id))
        assert h1.told() == "+h2"
        h2.bus.publish(changed("dan"))
        assert _heard(h1)[0] == "dan"


def test_another_life_of_a_host_is_noticed(two: list[Host]) -> None:
    """Its story begins anew, which is told before anything of it."""
    h1, h2 = two
    h2.restart()
    meet(h1, h2)
    assert h1.told() == "+h2"
    h2.bus.publish(changed("ann"))
    assert _heard(h1)[0] == "ann"


def test_an_event_of_tomorrow_is_passed_over(two: list[Host]) -> None:
    """A newer host tells what is not known here: the rest of its story goes on without a hole."""
    h1, h2 = two
    h2.bus.close()
    with zmq.Context() as context, serving(context, zmq.XPUB, h2.keys, h2.peer.events) as events:
        events.curve_server = True
        # without an authenticator in this context, whoever has the key is let in
        assert events.poll(PATIENCE * 1000)
        feed = Feed()
        frames = [feed.put(changed(user_id)) for user_id in ("ann", "bob")]
        frames[0][2] = frames[0][2].replace(b"status_changed", b"of_tomorrow")
        for each in frames:
            events.send_multipart(each)
        assert h1.told() == "+h2"
        assert _heard(h1)[0] == "bob"


def test_what_was_missed_is_asked_for() -> None:
    """A hole in the numbers is filled out of what is kept, in order."""
    feed, hearing = Feed(), Hearing()
    told = [feed.put(changed(user_id)) for user_id in "abcd"]
    marks = [(mark, body) for mark, body in (feed.missed(Beyond(epoch="", after=0)) or [])]
    assert marks == []
    kept = feed.missed(Beyond(epoch=feed.head.epoch, after=0))
    assert kept is not None
    assert [body for _, body in kept] == [frames[2] for frames in told]
    assert hearing.begins(kept[0][0])
    assert list(hearing.take(*kept[0])) == [kept[0][1]]
    assert list(hearing.take(*kept[3])) == []
    assert hearing.gap == Beyond(epoch=feed.head.epoch, after=1)
    assert hearing.gap is None, "it is asked for once"
    assert list(hearing.fill(kept[1:])) == [body for _, body in kept[1:]]
    assert hearing.gap is None


def test_a_heartbeat_shows_what_was_missed() -> None:
    """Also when nothing follows that would show the hole."""
    feed, hearing = Feed(), Hearing()
    hearing.begins(feed.head)
    list(hearing.take(feed.head, b""))
    feed.put(changed("ann"))
    assert list(hearing.take(feed.head, b"")) == []
    assert hearing.gap == Beyond(epoch=feed.head.epoch, after=0)


def test_what_is_not_kept_is_told_to_be_lost() -> None:
    """Whoever missed more than is kept goes on from where the story stands."""
    feed, hearing = Feed(kept=1), Hearing()
    hearing.begins(feed.head)
    for user_id in "abc":
        feed.put(changed(user_id))
    assert list(hearing.take(feed.head, b"")) == []
    gap = hearing.gap
    assert gap is not None
    assert feed.missed(gap) is None
    assert b"".join(hearing.lose(feed.head.epoch, feed.head.seq)) == b"", "but the heartbeat"
    feed.put(changed("d"))
    kept = feed.missed(Beyond(epoch=feed.head.epoch, after=3))
    assert kept is not None
    assert list(hearing.take(*kept[0])) == [kept[0][1]]


def test_an_event_can_be_heard_of_a_single_host_as_before() -> None:
    """On one host an event says nothing of hosts."""
    assert b"host" not in msgspec.json.encode(changed("ann"))
    assert b"origin" not in msgspec.json.encode(changed("ann"))
