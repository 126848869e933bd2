"""Capabilities: whose a request is, and who hears of what happens."""

from __future__ import annotations

from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

import pykka
import pytest

from actors.capability import Capabilities, Capability
from actors.facts import Asked
from bus.answers import HealthAnswer
from bus.events import DiskRecovered, Event
from bus.requests import GetHealth, ListInstances

EVENT = DiskRecovered(at=datetime(2026, 1, 1, tzinfo=UTC), reason="It has room", free_bytes=1)


class Keeper(pykka.ThreadingActor):
    """An owner that keeps what it is told."""

    def __init__(self, told: SimpleQueue[Any]) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        self._told.put(message)


def test_a_request_goes_to_its_owner_and_the_rest_to_nobody_here() -> None:
    """The owner of a type of request is told each of them; the supervisor has the others."""
    told: SimpleQueue[Asked] = SimpleQueue()
    owner = Keeper.start(told)
    try:
        capabilities = Capabilities()
        capabilities.add(Capability(owner=owner, requests=(GetHealth,), close=lambda: None))
        found = capabilities.owner(GetHealth())
        assert found is owner
        assert capabilities.owner(ListInstances()) is None
        answers: SimpleQueue[Any] = SimpleQueue()
        found.tell(Asked(request=GetHealth(), reply=answers.put))
        asked = told.get(timeout=5)
        asked.reply(HealthAnswer(total_instances=0, running_instances=0, at=EVENT.at))
        assert isinstance(answers.get(timeout=5), HealthAnswer)
    finally:
        owner.stop()


def test_a_request_has_one_owner() -> None:
    """Two capabilities that claim the same request are a bug, seen at launch."""
    owner = Keeper.start(SimpleQueue())
    try:
        capabilities = Capabilities()
        claim = Capability(owner=owner, requests=(GetHealth,), close=lambda: None)
        capabilities.add(claim)
        with pytest.raises(AssertionError, match="GetHealth has two owners"):
            capabilities.add(claim)
    finally:
        owner.stop()


def test_the_bug_of_one_listener_is_not_the_next_ones_business(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everybody hears of an event, whoever failed at it before."""
    owner = Keeper.start(SimpleQueue())
    heard: list[Event] = []

    def fail(event: Event) -> None:
        raise ValueError(event.topic)

    try:
        capabilities = Capabilities()
        for hear in (fail, heard.append):
            capabilities.add(Capability(owner=owner, requests=(), hear=hear, close=lambda: None))
        capabilities.hear(EVENT)
    finally:
        owner.stop()
    assert heard == [EVENT]
    assert "a capability failed at manager.disk_recovered" in caplog.text
