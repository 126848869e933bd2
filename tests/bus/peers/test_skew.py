"""Hosts of two releases on one bus: what is not understood is said so, or passed over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
import pytest
import zmq

from bus import codec
from bus.answers import Answer, ErrorAnswer, InstanceAnswer
from bus.events import ManagerEvent
from bus.peers.messages import ANSWER, ASK, TAKEN, Call, Silence
from bus.peers.sockets import calling
from bus.requests import GetInstance
from tests.bus.parts import PATIENCE, changed
from tests.bus.peers.hosts import Host, hosts

CALL = msgspec.json.encode(Call(user_id="alice", epoch=1))
KNOWN = codec.encode(GetInstance(user_id="alice"))
Ask = Callable[..., Answer]


class AnswerOfTomorrow(Answer, frozen=True, kw_only=True, tag=True):
    """What this release does not know."""


class EventOfTomorrow(ManagerEvent, frozen=True, kw_only=True, tag="of_tomorrow"):
    """Likewise."""


@pytest.fixture
def two() -> Iterator[list[Host]]:
    with hosts("h1", "h2") as opened:
        yield opened


@pytest.fixture
def ask(two: list[Host]) -> Iterator[Ask]:
    """Return what asks ``h1`` as another release's ``h2`` does, frame by frame."""
    h1, h2 = two
    h2.bus.close()
    with (
        zmq.Context() as context,
        calling(context, zmq.DEALER, h2.keys, h1.peer.bus, h1.peer.curve) as line,
    ):
        line.rcvtimeo = line.sndtimeo = int(PATIENCE * 1000)

        def answer(*frames: bytes) -> Answer:
            line.send_multipart([b"1", ASK, *frames])
            assert line.recv_multipart() == [b"1", TAKEN]
            number, kind, body = line.recv_multipart()
            assert (number, kind) == (b"1", ANSWER)
            return codec.decode_answer(body)

        yield answer


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (CALL, b'{"type":"AskTheMoon","v":1,"user_id":"alice"}'),
        (CALL, b'{"type":"GetInstance","v":2,"user_id":"alice"}'),
        (CALL, b'{"type":"GetInstance","v":1}'),
        (b'{"user_id":["alice","bob"]}', KNOWN),
        (b"\x93not JSON", KNOWN),
    ],
)
def test_what_is_not_understood_is_answered_so(ask: Ask, call: bytes, body: bytes) -> None:
    """At once, with why; the caller's caller is to come again, and the next call is served."""
    told = ask(call, body)
    assert isinstance(told, ErrorAnswer)
    assert (told.code, told.retry_after) == ("unavailable", 60)
    assert told.message.startswith("The host is of another release: ")
    assert isinstance(ask(CALL, KNOWN), InstanceAnswer)


def test_what_is_sent_besides_is_passed_over(ask: Ask) -> None:
    """A frame more than is known here."""
    assert isinstance(ask(CALL, KNOWN, b"of tomorrow"), InstanceAnswer)


def test_an_answer_of_tomorrow_is_none(two: list[Host]) -> None:
    """Whoever asked hears that it was not understood; what is asked next is answered."""
    h1, h2 = two
    h2.mind.answer = lambda request: AnswerOfTomorrow()
    outcome = h1.get(h1.ask("h2"))
    assert isinstance(outcome, Silence)
    assert "another protocol" in outcome.reason
    h2.mind.answer = lambda request: InstanceAnswer(instance=None)
    assert isinstance(h1.get(h1.ask("h2")), InstanceAnswer)


def test_events_of_tomorrow_fill_no_log(two: list[Host], caplog: pytest.LogCaptureFixture) -> None:
    """Each kind is named once; what is known is heard in between."""
    h1, h2 = two
    with caplog.at_level(logging.WARNING, "bus.peers.line"):
        for _ in range(5):
            h2.bus.publish(EventOfTomorrow(at=datetime.now(UTC), reason="it is"))
        h2.bus.publish(changed("alice"))
        event, _ = h1.mind.heard.get(timeout=PATIENCE)
    assert event.topic.startswith("instance.alice.")
    assert len([each for each in caplog.records if "of_tomorrow" in each.getMessage()]) == 1
