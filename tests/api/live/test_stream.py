"""A snapshot, then every event: over real WebSockets, from a real hub."""

from __future__ import annotations

import msgspec
import pytest

from api.live import listener, messages
from api.live.listener import Close
from bus.events import InstanceRenamed
from bus.states import Status
from tests.api.live.conftest import Ear, Live
from tests.bus.parts import NOW, PATIENCE, changed, instance, sampled


def begin(ear: Ear) -> int:
    """Take a snapshot of one part, and return its number."""
    first = ear.hear_news()
    assert (first["event"], first["part"], first["parts"]) == ("snapshot", 1, 1)
    seq: int = first["seq"]
    return seq


def test_first_a_snapshot_then_every_event(live: Live) -> None:
    """A listener is told how everything is, and then what happens, as on the bus."""
    live.mind.change(live.hub, "alice")
    ear = live.listen()
    first = ear.hear_news()
    assert first["instances"]["alice"]["status"] == "Running"
    assert first["epoch"] == live.hub.epoch
    live.mind.change(live.hub, "bob", Status.FAILED)
    heard = ear.hear_news()
    while heard["user_id"] != "bob":  # alice's event may be told once more
        heard = ear.hear_news()
    assert (heard["event"], heard["status"]) == ("status_changed", "Failed")
    assert (heard["epoch"], heard["seq"]) == (live.hub.epoch, 2)
    assert heard["instance"]["user_id"] == "bob"


def test_a_heartbeat_says_that_nothing_has_happened(live: Live) -> None:
    """A listener hears at once, and every few seconds, up to which event the story is told."""
    ear = live.listen()
    begin(ear)
    live.mind.change(live.hub, "alice")
    assert ear.hear_news()["seq"] == 1
    beat = ear.hear()
    assert (beat["event"], beat["seq"]) == ("heartbeat", 1)


def test_a_large_fleet_comes_in_parts(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """No message holds more than some instances; together the parts hold all, once."""
    monkeypatch.setattr(messages, "PART", 3)
    live.mind.instances = {f"user{n}": instance(f"user{n}") for n in range(8)}
    ear = live.listen()
    parts = [ear.hear_news() for _ in range(3)]
    assert [(part["part"], part["parts"]) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert len({user for part in parts for user in part["instances"]}) == 8


def test_only_the_events_of_one_user(live: Live) -> None:
    """With ``user`` a listener is told of that user and of nobody else; dots are no trap."""
    live.mind.instances = {name: instance(name) for name in ("bob", "bob.x")}
    ear = live.listen("?user=bob")
    assert [*ear.hear_news()["instances"]] == ["bob"]
    live.mind.change(live.hub, "bob.x")
    live.mind.change(live.hub, "bob")
    assert ear.hear_news()["user_id"] == "bob"


def test_what_is_measured_is_for_who_asks(live: Live) -> None:
    """With ``usage`` snapshot and events tell it; others hear nothing of it."""
    measured = sampled("alice").usage
    live.mind.instances["alice"] = msgspec.structs.replace(instance("alice"), usage=measured)
    asks, other = live.listen("?usage=1"), live.listen()
    assert asks.hear_news()["instances"]["alice"]["usage"]["memory_bytes"] == measured.memory_bytes
    assert "usage" not in other.hear_news()["instances"]["alice"]
    live.hub.publish(sampled("alice"))
    live.mind.change(live.hub, "alice")
    assert [asks.hear_news()["event"] for _ in range(2)] == ["usage_sampled", "status_changed"]
    assert other.hear_news()["event"] == "status_changed"


def test_a_renamed_user_is_told_of_by_both_names(live: Live) -> None:
    """Who listens for the new name hears where it comes from."""
    ear = live.listen("?user=bert")
    begin(ear)
    renamed = InstanceRenamed(at=NOW, user_id="bob", to="bert", instance=instance("bert"))
    live.hub.publish(renamed)
    assert ear.hear_news()["event"] == "instance_renamed"


def test_who_comes_back_is_told_what_it_missed(live: Live) -> None:
    """With the epoch and number of the last event, only the later ones come, and no snapshot."""
    ear = live.listen()
    begin(ear)
    for name in ("alice", "bob", "carl"):
        live.mind.change(live.hub, name)
        assert ear.hear_news()["user_id"] == name
    back = live.listen(f"?epoch={live.hub.epoch}&after=1")
    assert [back.hear_news()["user_id"] for _ in range(2)] == ["bob", "carl"]
    up_to_date = live.listen(f"?epoch={live.hub.epoch}&after=3")
    assert up_to_date.hear()["event"] == "heartbeat"


@pytest.mark.parametrize("query", ["?epoch={epoch}&after=7", "?epoch=another&after=0"])
def test_who_cannot_be_told_what_it_missed_begins_anew(live: Live, query: str) -> None:
    """A number from the future, or an epoch that is over, gets a snapshot."""
    ear = live.listen(query.format(epoch=live.hub.epoch))
    begin(ear)


def test_another_life_of_the_bus_begins_with_a_snapshot(live: Live) -> None:
    """Who listens while the bus is opened again is told everything anew, on the same line."""
    ear = live.listen()
    begin(ear)
    live.hub.close()
    live.mind.instances["alice"] = instance("alice")
    hub = live.open_hub()
    again = ear.hear_news()
    assert (again["event"], again["epoch"]) == ("snapshot", hub.epoch)
    assert "alice" in again["instances"]


def test_nothing_is_lost_between_the_snapshot_and_the_events(live: Live) -> None:
    """Whenever one comes, snapshot and events together tell the last status of everybody."""
    for turn in range(8):
        live.mind.change(live.hub, "alice", Status.STARTING)
        ear = live.listen()
        live.mind.change(live.hub, "alice", Status.RUNNING)
        heard = ear.hear()
        known = heard["instances"]["alice"]["status"]
        last = 2 * (turn + 1)
        while heard["seq"] < last:
            heard = ear.hear()
            known = heard.get("status", known)
        assert known == "Running"


def test_who_speaks_is_sent_away(live: Live) -> None:
    """Nothing is taken, and a listener that says something is told so."""
    ear = live.listen()
    ear.connection.send("hello?")
    assert ear.hear_out() == (Close.SPOKEN, "nothing is taken here")


def test_a_manager_that_ends_says_goodbye(live: Live) -> None:
    """The code is the standard's own for a server that goes away."""
    ear = live.listen()
    begin(ear)
    live.server.close()
    assert ear.hear_out() == (1001, "the manager ends")


def test_a_slow_listener_is_dropped_and_hinders_nobody(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not read is sent away with the reason; the others hear everything."""
    monkeypatch.setattr(listener, "LONGEST", 100)
    monkeypatch.setattr(listener, "CLOSE_PATIENCE", PATIENCE)  # it reads when all is published
    slow, quick = live.listen(max_queue=(1, 0)), live.listen()
    publish(live, quick, 1_500)
    reason = "too slow: 100 messages wait; come back with epoch and after"
    assert slow.hear_out() == (Close.SLOW, reason)


def test_a_stuck_listener_does_not_hold_up_the_end(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who never reads again is cut off."""
    monkeypatch.setattr(listener, "CLOSE_PATIENCE", 0.05)
    stuck, quick = live.listen(max_queue=(1, 0)), live.listen()
    publish(live, quick, 1_500)
    live.server.close()
    assert stuck.hear_out() is None


def publish(live: Live, quick: Ear, count: int) -> None:
    """Publish more than fits into the buffers of a socket, no quicker than ``quick`` reads."""
    begin(quick)
    large = msgspec.structs.replace(changed("alice"), reason="long " * 2_000)
    for _ in range(count):
        live.hub.publish(large)
        while quick.hear_news()["user_id"] != "alice":
            pass
