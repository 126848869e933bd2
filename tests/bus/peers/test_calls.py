"""Calls from host to host."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
import zmq

from bus import codec
from bus.answers import InstanceAnswer
from bus.peers.keys import KeyPair
from bus.peers.line import Patience
from bus.peers.messages import ANSWER, ASK, TAKEN, Call, Moved, Silence
from bus.peers.sockets import calling
from bus.requests import CreateBackup, GetInstance
from tests.bus.parts import PATIENCE
from tests.bus.peers.hosts import LONG, Host, hosts, meet


@pytest.fixture
def two() -> Iterator[list[Host]]:
    with hosts("h1", "h2") as opened:
        yield opened


def test_a_host_answers_another(two: list[Host]) -> None:
    """A request arrives with what is said about it, and its answer comes back."""
    h1, h2 = two
    outcome = h1.get(h1.ask("h2", call=Call(user_id="alice", epoch=7, request_id="r1")))
    assert isinstance(outcome, InstanceAnswer)
    assert outcome.instance is not None
    call, request, _ = h2.mind.served.get(timeout=PATIENCE)
    assert call == Call(user_id="alice", epoch=7, request_id="r1")
    assert request == GetInstance(user_id="alice")


def test_who_is_not_the_owner_says_so(two: list[Host]) -> None:
    """It has moved: the caller is told, and nothing was done."""
    h1, h2 = two
    h2.mind.answer = None
    box = h1.ask("h2")
    _, _, reply = h2.mind.served.get(timeout=PATIENCE)
    reply(Moved())
    assert h1.get(box) == Moved()


def test_what_is_asked_twice_with_a_key_is_done_once(two: list[Host]) -> None:
    """Whoever asks again gets what came of it: while it is under way, and afterwards."""
    h1, h2 = two
    h2.mind.answer = None
    boxes = [h1.ask("h2", CreateBackup(user_id="alice"), Call(key="k1")) for _ in range(2)]
    _, _, reply = h2.mind.served.get(timeout=PATIENCE)
    reply(InstanceAnswer(instance=None))
    boxes.append(h1.ask("h2", CreateBackup(user_id="alice"), Call(key="k1")))
    assert [h1.get(box) for box in boxes] == [InstanceAnswer(instance=None)] * 3
    assert h2.mind.served.empty()


def test_a_call_that_did_nothing_is_not_remembered(two: list[Host]) -> None:
    """With the same key it is asked anew of a host that was not the owner before."""
    h1, h2 = two
    h2.mind.answer = None
    box = h1.ask("h2", CreateBackup(user_id="alice"), Call(key="k1"))
    h2.mind.served.get(timeout=PATIENCE)[2](Moved())
    assert h1.get(box) == Moved()
    box = h1.ask("h2", CreateBackup(user_id="alice"), Call(key="k1"))
    h2.mind.served.get(timeout=PATIENCE)[2](InstanceAnswer(instance=None))
    assert h1.get(box) == InstanceAnswer(instance=None)


def test_a_host_that_goes_ends_the_calls_to_it(two: list[Host]) -> None:
    """What it has taken already is not waited for once it is among the hosts no more."""
    h1, h2 = two
    h2.mind.answer = None
    box = h1.ask("h2")
    h2.mind.served.get(timeout=PATIENCE)
    meet(h1)
    assert isinstance(h1.get(box), Silence)
    assert h1.told() == "-h2"
    assert isinstance(h1.get(h1.ask("h2")), Silence)


def test_a_host_that_hangs_is_not_waited_for() -> None:
    """A machine that accepts connections and says nothing costs no more than the patience."""
    with socket.socket() as hung, hosts("h1", patience=Patience(taken=0.2, silent=LONG)) as (h1,):
        hung.bind(("127.0.0.1", 0))
        hung.listen()
        where = f"tcp://127.0.0.1:{hung.getsockname()[1]}"
        h2 = Host("h2")
        with closing(h2.bus):
            h1.bus.meet([msgspec.structs.replace(h2.peer, bus=where, events=where)])
            assert isinstance(h1.get(h1.ask("h2")), Silence)


def test_a_host_that_was_never_heard_is_not_waited_for() -> None:
    """What is asked of it is answered by the time at which it should have been heard."""
    with hosts("h1", patience=Patience(silent=0.3, taken=LONG)) as (h1,):
        h2 = Host("h2")
        with closing(h2.bus):
            h1.bus.meet([h2.peer])
            assert isinstance(h1.get(h1.ask("h2")), Silence)


def test_silence_is_noticed() -> None:
    """A host that dies is told to be silent; what is asked of it then is answered at once."""
    with hosts("h1", "h2", patience=Patience(silent=0.6, taken=LONG)) as (h1, h2):
        h2.mind.answer = None
        box = h1.ask("h2")
        h2.mind.served.get(timeout=PATIENCE)
        h2.bus.close()
        assert h1.told() == "-h2"
        assert isinstance(h1.get(box), Silence)
        assert not h1.bus.hears("h2")
        assert isinstance(h1.get(h1.ask("h2")), Silence)
        h2.restart()
        h2.bus.meet([h1.peer])
        assert h1.told() == "+h2"
        h1.ask("h2")
        h2.mind.served.get(timeout=PATIENCE)


def _knock(h1: Host, keys: KeyPair, wait: float) -> list[bytes] | None:
    """Ask ``h1`` with these keys, and return the first that comes back within the wait."""
    with (
        zmq.Context() as context,
        calling(context, zmq.DEALER, keys, h1.peer.bus, h1.peer.curve) as line,
    ):
        if not line.poll(wait * 1000, zmq.POLLOUT):
            return None
        request = codec.encode(GetInstance(user_id="alice"))
        line.send_multipart([b"1", ASK, msgspec.json.encode(Call()), request])
        frames: list[bytes] | None = line.recv_multipart() if line.poll(wait * 1000) else None
        return frames


def test_an_unlisted_key_gets_no_answer(two: list[Host]) -> None:
    """Who is not among the hosts is not heard; the same socket with a listed key is."""
    h1, h2 = two
    h2.bus.close()
    assert _knock(h1, KeyPair.fresh(), 0.5) is None
    assert h1.mind.served.empty()
    assert _knock(h1, h2.keys, PATIENCE) == [b"1", TAKEN]


def test_a_key_that_is_listed_no_more_is_not_heard(two: list[Host]) -> None:
    """A connection outlives its key's entry; what comes over it is passed over."""
    h1, h2 = two
    assert isinstance(h2.get(h2.ask("h1")), InstanceAnswer)
    h1.mind.served.get(timeout=PATIENCE)
    h1.bus.meet([])
    assert h1.told() == "-h2"
    assert isinstance(h2.get(h2.ask("h1", within=0.5)), Silence)
    assert h1.mind.served.empty()


def test_a_host_that_was_refused_comes_again(two: list[Host]) -> None:
    """A new host is known to the others at different moments: it is let in by and by."""
    h1, h2 = two
    h2.restart()
    assert isinstance(h1.get(h1.ask("h2", within=0.3)), Silence)
    h2.bus.meet([h1.peer])
    assert h1.told() == "+h2"
    h1.ask("h2")
    h2.mind.served.get(timeout=PATIENCE)


def test_a_newer_host_is_understood(two: list[Host]) -> None:
    """Fields that are not known here are passed over, in the call and in its request."""
    h1, h2 = two
    h2.bus.close()
    with zmq.Context() as context:
        line = calling(context, zmq.DEALER, h2.keys, h1.peer.bus, h1.peer.curve)
        with line:
            line.rcvtimeo = line.sndtimeo = int(PATIENCE * 1000)
            call = b'{"user_id":"alice","epoch":1,"of_tomorrow":[1]}'
            body = b'{"type":"GetInstance","v":1,"user_id":"alice","of_tomorrow":{"a":1}}'
            line.send_multipart([b"1", b"of-tomorrow", call, body])
            line.send_multipart([b"2", ASK, call, body])
            assert line.recv_multipart() == [b"2", TAKEN]
            number, kind, answer = line.recv_multipart()
            assert (number, kind) == (b"2", ANSWER)
            assert isinstance(codec.decode_answer(answer), InstanceAnswer)
