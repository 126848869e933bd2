"""Asking the manager: deadlines, late answers, and a manager that is not there."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq

from bus.answers import HealthAnswer, InstanceAnswer
from bus.client import BusClient
from bus.errors import BusTimeout, Unavailable
from bus.hub import Hub, Reply
from bus.requests import GetHealth, GetInstance
from tests.bus.conftest import Bus
from tests.bus.parts import NOW, PATIENCE, Endpoints, Script, instance
from tests.leftovers import open_files

SHORT = 0.05
HEALTH = HealthAnswer(total_instances=0, running_instances=0, at=NOW)


def alice(client: BusClient, timeout: float | None = None) -> InstanceAnswer:
    return client.ask(GetInstance(user_id="alice"), InstanceAnswer, timeout=timeout)


def test_a_call_ends_at_its_deadline(hub: Hub, client: BusClient) -> None:
    """When nobody answers, the call says so as soon as its time is over."""
    began = time.monotonic()
    with pytest.raises(BusTimeout, match=r"did not answer within 0\.05 s") as refusal:
        alice(client, timeout=SHORT)
    assert SHORT * 0.9 <= time.monotonic() - began < PATIENCE / 2
    assert refusal.value.code == "unavailable"
    assert refusal.value.retry_after == 1


def test_a_late_answer_is_skipped(hub: Hub, client: BusClient, script: Script) -> None:
    """The answer to a call that gave up is never taken for the answer to the next."""
    late: list[Reply] = []
    for _ in range(3):
        with pytest.raises(BusTimeout):
            alice(client, timeout=SHORT)
        late.append(script.held.get(timeout=PATIENCE)[1])
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_answer_next, script, late)
        answer = alice(client)
    assert answer.instance == instance("right")


def _answer_next(script: Script, late: list[Reply]) -> None:
    _, reply = script.held.get(timeout=PATIENCE)
    for each in late:
        each(InstanceAnswer(instance=instance("late")))
    reply(InstanceAnswer(instance=instance("right")))
    reply(InstanceAnswer(instance=instance("twice")))


def test_an_answer_given_twice_counts_once(hub: Hub, client: BusClient, script: Script) -> None:
    """A second answer to the same call does not disturb the next call."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_answer_next, script, [])
        assert alice(client).instance == instance("right")
    script.lines[GetInstance] = InstanceAnswer(instance=instance("next"))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(alice, client).result().instance == instance("next")
    assert alice(client).instance == instance("next")


def test_a_request_to_nobody_is_not_kept_for_later(
    bus: Bus, client: BusClient, script: Script
) -> None:
    """A call that failed for want of a manager is never carried out by the next manager."""
    with pytest.raises(Unavailable):
        alice(client, timeout=SHORT)
    script.lines[GetHealth] = HEALTH
    bus.hub(script)
    client.ask(GetHealth(), HealthAnswer)
    assert isinstance(script.requests.get(timeout=PATIENCE), GetHealth)
    assert script.requests.empty()


def test_a_client_lives_through_a_restart_of_the_manager(bus: Bus, client: BusClient) -> None:
    """It fails while there is none, works with the next one, and what failed stays failed."""
    old, new = Script({GetHealth: HEALTH}), Script({GetHealth: HEALTH})
    first = bus.hub(old)
    client.ask(GetHealth(), HealthAnswer)
    first.close()
    with pytest.raises(Unavailable):
        alice(client, timeout=SHORT)
    bus.hub(new)
    client.ask(GetHealth(), HealthAnswer)
    assert isinstance(new.requests.get(timeout=PATIENCE), GetHealth)
    assert new.requests.empty()


def test_closing_wakes_those_who_wait(hub: Hub, client: BusClient, script: Script) -> None:
    """Calls under way in other threads end at once when the client is closed."""
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(alice, client) for _ in range(8)]
        for _ in calls:
            script.held.get(timeout=PATIENCE)
        client.close()
        for call in calls:
            assert isinstance(call.exception(PATIENCE / 2), Unavailable)
            assert not isinstance(call.exception(), BusTimeout)


def test_closing_in_the_middle_of_traffic_is_safe(bus: Bus) -> None:
    """However closing falls among the calls of other threads, each is answered or refused."""
    bus.hub(Script({GetHealth: HEALTH}))
    for _ in range(20):
        client = BusClient(bus.endpoints.command)
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(until_closed, client) for _ in range(4)]
            assert client.ask(GetHealth(), HealthAnswer) == HEALTH
            client.close()
            assert {call.result(PATIENCE) for call in calls} == {"The bus client is closed"}


def until_closed(client: BusClient) -> str:
    while True:
        try:
            client.ask(GetHealth(), HealthAnswer)
        except Unavailable as error:
            return error.message


def test_a_closed_client_refuses(hub: Hub, client: BusClient) -> None:
    """After closing, once or twice, a call is refused and does not hang."""
    with pytest.raises((BusTimeout, Unavailable)):  # the second where it was not connected in time
        alice(client, timeout=SHORT)
    client.close()
    client.close()
    with pytest.raises(Unavailable, match="The bus client is closed"):
        alice(client)


def test_many_short_lived_threads_leave_no_sockets(endpoints: Endpoints, bus: Bus) -> None:
    """A thread's socket goes with the thread, and the rest with the client."""
    bus.hub(Script({GetHealth: HEALTH}))
    before = open_files()
    with BusClient(endpoints.command) as client:
        client.ask(GetHealth(), HealthAnswer)
        one_socket = len(open_files())
        for _ in range(50):
            thread = threading.Thread(target=client.ask, args=(GetHealth(), HealthAnswer))
            thread.start()
            thread.join(PATIENCE)
        assert len(open_files()) < one_socket + 25
    assert len(open_files()) <= len(before) + 25


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"garbage", "another protocol"),
        (b'{"type":"Later","v":1}', "another protocol"),
        (b'{"type":"HealthAnswer","v":2}', "another protocol"),
        (b'{"type":"InstanceAnswer","instance":null}', "answered InstanceAnswer to GetHealth"),
    ],
)
def test_a_strange_answer_is_refused(bus: Bus, client: BusClient, body: bytes, words: str) -> None:
    """An answer that is none, or none to this request, is Unavailable and says why."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        router.rcvtimeo = round(PATIENCE * 1000)
        router.bind(bus.endpoints.command)
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(client.ask, GetHealth(), HealthAnswer)
            *frames, _ = router.recv_multipart()
            router.send_multipart([*frames, body])
            with pytest.raises(Unavailable, match=words):
                call.result(PATIENCE)
