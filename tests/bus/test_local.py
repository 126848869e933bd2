"""The client in the manager's own process: as the one on the socket, without the socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bus.answers import ErrorAnswer, EventsAnswer, HealthAnswer, InstanceAnswer
from bus.client import BusClient
from bus.errors import BusTimeout, InternalError, InvalidRequest, NotFound, Unavailable
from bus.hub import Hub, Reply
from bus.requests import GetEvents, GetHealth, GetInstance, MintToken, Request, StopInstance
from tests.bus.conftest import Bus
from tests.bus.parts import NOW, PATIENCE, Mind, Script, changed, instance

HEALTH = HealthAnswer(total_instances=1, running_instances=1, at=NOW)


@pytest.fixture
def local(hub: Hub) -> Iterator[BusClient]:
    with hub.client() as client:
        yield client


def test_it_is_answered_on_its_own_thread(bus: Bus) -> None:
    """A read that needs nobody else costs no change of threads."""
    threads = []

    def here(request: Request, reply: Reply) -> None:
        threads.append(threading.current_thread())
        reply(HEALTH)

    with bus.hub(here).client() as client:
        assert client.ask(GetHealth(), HealthAnswer) == HEALTH
    assert threads == [threading.current_thread()]


def test_who_waits_is_answered_from_any_thread(local: BusClient, script: Script) -> None:
    """An answer that is given later reaches exactly the one who asked for it."""
    with ThreadPoolExecutor(2) as pool:
        calls = {
            user_id: pool.submit(local.ask, StopInstance(user_id=user_id), InstanceAnswer)
            for user_id in ("ann", "ben")
        }
        for _ in calls:
            request, reply = script.held.get(timeout=PATIENCE)
            assert isinstance(request, StopInstance)
            reply(InstanceAnswer(instance=instance(request.user_id)))
        for user_id, call in calls.items():
            found = call.result(PATIENCE).instance
            assert found is not None
            assert found.user_id == user_id


def test_errors_are_those_of_the_manager(local: BusClient, script: Script) -> None:
    """An error that is answered or raised is raised; a bug is said to be one."""
    script.lines[GetHealth] = NotFound("raised")
    script.lines[GetInstance] = ErrorAnswer.of(NotFound("answered"))
    script.lines[StopInstance] = ZeroDivisionError()
    with pytest.raises(NotFound, match="raised"):
        local.ask(GetHealth(), HealthAnswer)
    with pytest.raises(NotFound, match="answered"):
        local.ask(GetInstance(user_id="ann"), InstanceAnswer)
    with pytest.raises(InternalError):
        local.ask(StopInstance(user_id="ann"), InstanceAnswer)


def test_a_call_ends_at_its_deadline(local: BusClient, script: Script) -> None:
    """Who is not answered in time hears so; an answer after that hurts nobody."""
    with pytest.raises(BusTimeout):
        local.ask(GetHealth(), HealthAnswer, timeout=0.01)
    _, reply = script.held.get(timeout=PATIENCE)
    reply(HEALTH)
    script.lines[GetHealth] = HEALTH
    assert local.ask(GetHealth(), HealthAnswer) == HEALTH


def test_what_the_wire_refuses_is_refused(local: BusClient, script: Script) -> None:
    """A request that no one could send is not handed over."""
    with pytest.raises(InvalidRequest):
        local.ask(MintToken(user_id="ann", seconds=0), InstanceAnswer)
    assert script.requests.empty()


def test_closing_wakes_those_who_wait(local: BusClient, script: Script) -> None:
    """A call under way ends when the client is closed, and there are none after it."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(local.ask, GetHealth(), HealthAnswer, timeout=PATIENCE)
        script.held.get(timeout=PATIENCE)
        local.close()
        with pytest.raises(Unavailable, match="closed"):
            call.result(PATIENCE)
    with pytest.raises(Unavailable, match="closed"):
        local.ask(GetHealth(), HealthAnswer)


def test_a_manager_that_is_not_up_says_so(bus: Bus) -> None:
    """Before the hub is started there is nobody to ask."""
    command, event = bus.endpoints
    hub = Hub(command_endpoint=command, event_endpoint=event)
    try:
        with hub.client() as client, pytest.raises(Unavailable, match="not up yet"):
            client.ask(GetHealth(), HealthAnswer)
    finally:
        hub.close()


def test_missed_events_are_asked_of_the_hub(bus: Bus) -> None:
    """The hub alone knows them, whoever asks."""
    hub = bus.hub(Mind())
    hub.publish(changed())
    with hub.client() as client:
        answer = client.ask(GetEvents(epoch=hub.epoch, after=0), EventsAnswer)
    assert [event.seq for event in answer.events] == [1]
