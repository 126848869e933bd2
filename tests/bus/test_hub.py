"""The hub: real sockets, and everything that may come in through them."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest
import zmq

from bus import codec, trace
from bus.answers import ErrorAnswer, HealthAnswer, InstanceAnswer
from bus.client import BusClient
from bus.errors import InternalError, NoPorts, Unavailable
from bus.hub import MAX_MESSAGE, Hub, Reply
from bus.requests import GetHealth, GetInstance, InitInstance, Request, StopInstance
from tests.bus.conftest import Bus
from tests.bus.parts import NEVER, NOW, PATIENCE, Endpoints, Script, changed, instance
from tests.leftovers import nothing_left

HEALTH = HealthAnswer(total_instances=3, running_instances=2, at=NOW)


@pytest.fixture
def script() -> Script:
    return Script({GetHealth: HEALTH})


@pytest.fixture
def dealer(bus: Bus, hub: Hub) -> zmq.Socket[bytes]:
    return bus.socket(zmq.DEALER, bus.endpoints.command)


@pytest.fixture
def lives_on(hub: Hub, client: BusClient) -> Callable[[], None]:
    def ask() -> None:
        assert client.ask(GetHealth(), HealthAnswer) == HEALTH

    return ask


def asked(client: BusClient, user_id: str) -> str | None:
    answer = client.ask(InitInstance(user_id=user_id), InstanceAnswer)
    return answer.instance.user_id if answer.instance else None


def test_each_of_many_callers_gets_its_own_answer(
    hub: Hub, client: BusClient, script: Script
) -> None:
    """Answers given in any order, by any thread, reach the one who asked."""
    users = [f"user{number}" for number in range(32)]
    with ThreadPoolExecutor(32) as pool, ThreadPoolExecutor(4) as owners:
        calls = [pool.submit(asked, client, user) for user in users]
        held = [script.held.get(timeout=PATIENCE) for _ in users]
        for request, reply in reversed(held):
            assert isinstance(request, InitInstance)
            owners.submit(reply, InstanceAnswer(instance=instance(request.user_id)))
        assert [call.result(PATIENCE) for call in calls] == users


def test_thousands_of_calls_at_once_are_all_answered(hub: Hub, client: BusClient) -> None:
    """Nothing is lost or mixed up between 16 busy threads."""
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda _: client.ask(GetHealth(), HealthAnswer), range(2_000))
        assert all(answer == HEALTH for answer in answers)


def test_a_hundred_slow_requests_do_not_delay_a_fast_one(
    dealer: zmq.Socket[bytes], script: Script, lives_on: Callable[[], None]
) -> None:
    """A request whose answer takes time holds nothing up behind it."""
    for number in range(100):
        request = InitInstance(user_id=f"user{number}")
        dealer.send_multipart([str(number).encode(), codec.encode(request)])
    lives_on()
    held = [script.held.get(timeout=PATIENCE) for _ in range(100)]
    for _, reply in held:
        reply(HEALTH)
    assert {int(dealer.recv_multipart()[0]) for _ in held} == set(range(100))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"\xff" * 100,
        b'{"type":"GetHealth","v":2}',
        b'{"type":"Nonsense"}',
        b"[" * 60_000,
        b"x" * (codec.MAX_FRAME + 1),
        b"x" * (MAX_MESSAGE - 1),
    ],
    ids=lambda body: f"{len(body)} {body[:20]!r}",
)
def test_a_bad_body_is_answered_with_an_error(
    dealer: zmq.Socket[bytes],
    body: bytes,
    lives_on: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A body that is no request gets invalid_request and a line in the log; the hub goes on."""
    dealer.send_multipart([b"number", body])
    number, answer = dealer.recv_multipart()
    error = codec.decode_answer(answer)
    assert number == b"number"
    assert isinstance(error, ErrorAnswer)
    assert error.code == "invalid_request"
    assert "hub: refused a request" in caplog.text
    lives_on()


def test_a_bad_user_id_gets_its_own_code(dealer: zmq.Socket[bytes]) -> None:
    """A caller that does not check by itself learns over the wire that its id is the trouble."""
    dealer.send_multipart([b"1", b'{"type":"GetInstance","user_id":"../etc"}'])
    error = codec.decode_answer(dealer.recv_multipart()[1])
    assert isinstance(error, ErrorAnswer)
    assert error.code == "invalid_user_id"


@pytest.mark.parametrize("before", [[], [b"1"], [b"1", b"2"], [b"1", b"", b"3"]])
def test_frames_before_the_body_come_back(dealer: zmq.Socket[bytes], before: list[bytes]) -> None:
    """A caller's envelope, or none, is returned with the answer."""
    dealer.send_multipart([*before, codec.encode(GetHealth())])
    *after, answer = dealer.recv_multipart()
    assert after == before
    assert codec.decode_answer(answer) == HEALTH


@pytest.mark.parametrize("count", [5, 50, 1_000])
def test_a_message_of_many_parts_is_dropped(
    dealer: zmq.Socket[bytes],
    count: int,
    lives_on: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What has more parts than any request is dropped whole, with a line in the log."""
    dealer.send_multipart([b"part"] * count)
    dealer.send_multipart([b"next", codec.encode(GetHealth())])
    assert dealer.recv_multipart()[0] == b"next"
    assert f"hub: dropped a message of {count + 1} frames" in caplog.text
    lives_on()


def test_a_frame_beyond_all_limits_ends_its_connection(
    dealer: zmq.Socket[bytes], lives_on: Callable[[], None]
) -> None:
    """ZeroMQ hangs up on a peer that sends more than a megabyte, and nobody else notices."""
    monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    dealer.send_multipart([b"1", b"x" * (MAX_MESSAGE + 1)])
    assert monitor.poll(round(PATIENCE * 1000))
    dealer.disable_monitor()
    lives_on()


@pytest.mark.parametrize("room", ["command", "event"])
@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" + b"\0" * 200, b"\xff" * 70_000]
)
def test_a_stranger_to_zeromq_is_survived(
    endpoints: Endpoints, room: str, noise: bytes, lives_on: Callable[[], None]
) -> None:
    """Bytes of another protocol on a socket's path change nothing for the others."""
    path = getattr(endpoints, room).removeprefix("ipc://")
    with closing(socket.socket(socket.AF_UNIX)) as stranger:
        stranger.settimeout(PATIENCE)
        stranger.connect(path)
        stranger.sendall(noise)
        lives_on()
    lives_on()


def test_a_req_socket_works_too(bus: Bus, hub: Hub) -> None:
    """The simplest ZeroMQ client there is gets its answer."""
    req = bus.socket(zmq.REQ, bus.endpoints.command)
    for _ in range(3):
        req.send(b'{"type":"GetHealth"}')
        answer = req.recv()
        assert codec.decode_answer(answer) == HEALTH
        assert json.loads(answer)["at"] == "2024-01-15T10:30:00Z"


def test_tcp_on_loopback_works_too(bus: Bus, script: Script) -> None:
    """Endpoints may be TCP ports of this machine; a taken one is refused by name."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"{endpoint}.*Address already in use"):
            bus.hub(script, endpoints=Endpoints(endpoint, bus.endpoints.event))
    bus.hub(script, endpoints=Endpoints(endpoint, bus.endpoints.event))
    req = bus.socket(zmq.REQ, endpoint)
    req.send(codec.encode(GetHealth()))
    assert codec.decode_answer(req.recv()) == HEALTH


def test_the_handlers_error_is_the_answer(hub: Hub, client: BusClient, script: Script) -> None:
    """A PblmError that the handler raises reaches the asker as it is."""
    script.lines[InitInstance] = NoPorts("No available ports", instance=instance())
    with pytest.raises(NoPorts, match="No available ports") as refusal:
        client.ask(InitInstance(user_id="alice"), InstanceAnswer)
    assert refusal.value.instance == instance()


def test_a_bug_of_the_handler_stays_in_the_log(
    hub: Hub,
    client: BusClient,
    script: Script,
    lives_on: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception nobody foresaw is an internal_error without its details; the hub goes on."""
    script.lines[StopInstance] = ZeroDivisionError("the secret")
    with pytest.raises(InternalError) as refusal:
        client.ask(StopInstance(user_id="alice"), InstanceAnswer)
    assert "secret" not in refusal.value.message
    assert "the secret" in caplog.text
    lives_on()


def test_an_asker_that_left_does_not_matter(
    bus: Bus, hub: Hub, script: Script, lives_on: Callable[[], None]
) -> None:
    """An answer for somebody who closed the socket is dropped."""
    gone = bus.socket(zmq.DEALER, bus.endpoints.command)
    gone.send_multipart([b"1", codec.encode(InitInstance(user_id="alice"))])
    _, reply = script.held.get(timeout=PATIENCE)
    gone.close(linger=0)
    reply(InstanceAnswer(instance=None))
    lives_on()


def test_a_request_before_the_start_is_answered_after_it(
    endpoints: Endpoints, client: BusClient
) -> None:
    """A hub that is bound keeps what is asked until it serves."""
    hub = Hub(command_endpoint=endpoints.command, event_endpoint=endpoints.event)
    with ThreadPoolExecutor(1) as pool, closing(hub):
        call = pool.submit(client.ask, GetHealth(), HealthAnswer)
        hub.start(Script({GetHealth: HEALTH}))
        assert call.result(PATIENCE) == HEALTH


def test_close_leaves_nothing_behind(short_dir: Path, endpoints: Endpoints) -> None:
    """Threads, files and sockets of a hub that served end with it, and closing again is nothing."""
    command, event = endpoints
    with nothing_left():
        hub = Hub(command_endpoint=command, event_endpoint=event, heartbeat=NEVER)
        script = Script()
        hub.start(script)
        with BusClient(command) as client, ThreadPoolExecutor(1) as pool:
            call = pool.submit(client.ask, GetInstance(user_id="alice"), InstanceAnswer)
            _, reply = script.held.get(timeout=PATIENCE)
            hub.close()
            reply(InstanceAnswer(instance=None))
            hub.publish(changed())
            hub.close()
            client.close()
            assert isinstance(call.exception(PATIENCE), Unavailable)
    assert list(short_dir.iterdir()) == []


def test_a_hub_that_never_served_closes_as_well(short_dir: Path, endpoints: Endpoints) -> None:
    """A house that fails half-way up gives everything back."""
    with nothing_left():
        hub = Hub(command_endpoint=endpoints.command, event_endpoint=endpoints.event)
        hub.close()
        hub.close()
    assert list(short_dir.iterdir()) == []


def test_a_hub_that_cannot_bind_says_so_and_leaves_nothing(
    short_dir: Path, endpoints: Endpoints
) -> None:
    """The refusal names the endpoint, and the socket that could be bound is gone again."""
    nowhere = f"ipc://{short_dir}/missing/events.sock"
    refused = pytest.raises(Unavailable, match=f"{nowhere}.*: No such file or directory$")
    with nothing_left(), refused:
        Hub(command_endpoint=endpoints.command, event_endpoint=nowhere)
    assert list(short_dir.iterdir()) == []


def test_refusals_are_logged_without_a_trace(
    dealer: zmq.Socket[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger cannot fill the log with traces."""
    dealer.send_multipart([b"1", b"garbage"])
    dealer.recv_multipart()
    (record,) = [each for each in caplog.records if each.name == "bus.hub"]
    assert record.levelno == logging.WARNING
    assert record.exc_info is None


class Overheard(Script):
    """A script that notes which request id each request came with."""

    def __init__(self) -> None:
        super().__init__()
        self.request_ids: SimpleQueue[str] = SimpleQueue()

    def __call__(self, request: Request, reply: Reply) -> None:
        self.request_ids.put(trace.request_id())
        reply(HealthAnswer(total_instances=0, running_instances=0, at=NOW))


def test_a_request_id_goes_along(bus: Bus) -> None:
    """It comes with the client's own call, by a socket as by the short way, and ends with it."""
    overheard = Overheard()
    hub = bus.hub(overheard)
    with hub.client() as local:
        for client in (bus.client(), local):
            with trace.serving("call-7"):
                client.ask(GetHealth(), HealthAnswer)
            client.ask(GetHealth(), HealthAnswer)
            assert [overheard.request_ids.get_nowait() for _ in range(2)] == ["call-7", ""]


@pytest.mark.parametrize(
    ("frames", "request_id"),
    [
        ([b"1", b"my-id"], "my-id"),
        ([b"1"], ""),
        ([b"1", b"no id\n"], ""),
        ([b"1", b"\xff"], ""),
        ([b"1", b""], ""),
    ],
)
def test_a_request_id_is_a_frame_of_its_own(bus: Bus, frames: list[bytes], request_id: str) -> None:
    """Between the correlation id and the request; what cannot be one is passed over, and echoed."""
    overheard = Overheard()
    bus.hub(overheard)
    dealer = bus.socket(zmq.DEALER, bus.endpoints.command)
    dealer.send_multipart([*frames, b'{"type":"GetHealth"}'])
    assert dealer.recv_multipart()[:-1] == frames
    assert overheard.request_ids.get_nowait() == request_id
