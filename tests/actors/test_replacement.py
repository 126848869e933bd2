"""An actor that dies of a bug is replaced, and nobody but its request notices."""

from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest

from actors.facts import Asked, HealthChecked, RunFact, ShutDown
from actors.instance import InstanceActor
from actors.lifecycle import Lifecycle
from actors.store import Store
from actors.supervisor import RESPITE
from bus.events import ActorReplaced
from bus.requests import GetHealth, InitInstance, ListInstances, RenameInstance, StopInstance
from bus.states import Status
from tests.actors.fakes import PATIENCE
from tests.actors.house import Caller, House


class Bug(Exception):
    """What nobody has thought of."""


def fail_once(
    monkeypatch: pytest.MonkeyPatch, where: type[Any], name: str, *, after: bool = False
) -> None:
    """Have the next call of a method fail of a bug."""
    method = getattr(where, name)

    def failing(self: object, *args: object, **kwargs: object) -> object:
        monkeypatch.setattr(where, name, method)
        if after:
            method(self, *args, **kwargs)
        raise Bug

    monkeypatch.setattr(where, name, failing)


def kill_actor(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have alice's actor die of a fact, and wait until it is replaced."""
    fail_once(monkeypatch, Lifecycle, "learn")
    (actor,) = house.actors()
    actor.tell(HealthChecked(run=0, problem=None))
    replaced(house)


def replaced(house: House) -> None:
    """Wait until an actor was replaced."""
    event = house.replaced.get(timeout=PATIENCE)
    assert isinstance(event, ActorReplaced)
    assert (event.user_id, event.reason) == ("alice", "It died of a bug")
    house.settle()


def test_the_process_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance goes on with the same process, and is not told to have changed."""
    process = house.run()
    (former,) = house.actors()
    kill_actor(house, monkeypatch)
    assert house.actors() != [former]
    assert house.process() is process
    assert house.status() is Status.RUNNING
    assert house.changes() == [Status.STARTING, Status.RUNNING]
    assert not process.signals


def test_the_new_actor_looks_after_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash that comes after is restarted by the new one, once."""
    house.run()
    kill_actor(house, monkeypatch)
    house.end(code=-9)
    house.ready()
    assert house.status() is Status.RUNNING
    assert len(house.processes.spawned) == 2


@pytest.mark.parametrize("request_type", [InitInstance, StopInstance])
@pytest.mark.parametrize("after", [True, False])
def test_a_request_that_kills_is_answered_once(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    request_type: type[InitInstance | StopInstance],
    after: bool,
) -> None:
    """Whoever asked what killed the actor learns that it was a bug, before or after its work."""
    house.run()
    fail_once(monkeypatch, InstanceActor, "_serve", after=after)
    if request_type is InitInstance:
        caller = house.ask_at_once(InitInstance(user_id="alice", force_restart=True))
    else:
        caller = house.ask_at_once(StopInstance(user_id="alice"))
    error = caller.error()
    assert (error.code, error.message) == (
        "internal_error",
        "The request failed by a bug: Bug()",
    )
    replaced(house)
    assert caller.waits  # no second answer came


def test_those_who_wait_are_answered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a start learns of the bug; the start itself goes on."""
    callers = [house.init(), house.init()]
    process = house.process()
    kill_actor(house, monkeypatch)
    assert {caller.error().code for caller in callers} == {"internal_error"}
    house.ready()
    assert house.status() is Status.RUNNING
    assert house.process() is process


def test_a_stop_under_way_is_finished(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was being stopped is stopped by the new actor."""
    process = house.run()
    caller = house.stop()
    kill_actor(house, monkeypatch)
    assert caller.error().code == "internal_error"
    assert process.signals == ["TERM", "TERM"]
    house.end()
    assert house.status() is Status.STOPPED


@pytest.mark.parametrize("queued", [True, False])
def test_a_turn_to_start_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch, queued: bool
) -> None:
    """Waiting for its turn or starting, the user is started, and others are too."""
    users = [f"user{number}" for number in range(4)]
    if queued:
        for user in users:
            house.init(user)
    house.init()
    fail_once(monkeypatch, Lifecycle, "learn")
    house.owners["alice"].tell(HealthChecked(run=0, problem=None))
    replaced(house)
    for user in [*(users if queued else ()), "alice"]:
        house.ready(user)
        assert house.status(user) is Status.RUNNING


def test_what_was_unread_is_asked_of_the_new_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests in the inbox of an actor that dies are served by its successor."""
    process = house.run()
    entered, go_on = threading.Event(), threading.Event()
    learn = Lifecycle.learn

    def stuck(self: Lifecycle, fact: RunFact) -> None:
        entered.set()
        assert go_on.wait(PATIENCE)
        monkeypatch.setattr(Lifecycle, "learn", learn)
        raise Bug

    monkeypatch.setattr(Lifecycle, "learn", stuck)
    (actor,) = house.actors()
    actor.tell(HealthChecked(run=0, problem=None))
    assert entered.wait(PATIENCE)
    asking, stopping = Caller(), Caller()
    actor.tell(Asked(request=InitInstance(user_id="alice"), reply=asking.answers.put))
    actor.tell(Asked(request=StopInstance(user_id="alice"), reply=stopping.answers.put))
    go_on.set()
    replaced(house)
    assert asking.instance().pid == process.pid
    house.end()
    assert stopping.instance().status is Status.STOPPED


def test_a_request_between_death_and_replacement(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks while nobody owns the user is told to come again, and the supervisor lives on."""
    house.run()
    entered, go_on = threading.Event(), threading.Event()
    on_failure = InstanceActor.on_failure

    def slowly(self: InstanceActor, *args: Any) -> None:
        entered.set()
        assert go_on.wait(PATIENCE)
        on_failure(self, *args)

    monkeypatch.setattr(InstanceActor, "on_failure", slowly)
    fail_once(monkeypatch, Lifecycle, "learn")
    (actor,) = house.actors()
    actor.tell(HealthChecked(run=0, problem=None))
    assert entered.wait(PATIENCE)
    error = house.ask_at_once(InitInstance(user_id="alice")).error()
    assert (error.code, error.retry_after) == ("unavailable", 1)
    go_on.set()
    replaced(house)
    assert house.init().instance().status is Status.RUNNING


def test_an_actor_that_dies_again_and_again_rests(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug that does not go away burns no core: the successor of a successor comes later."""
    process = house.run()
    died = threading.Semaphore(0)
    on_failure = InstanceActor.on_failure

    def counted(self: InstanceActor, *args: Any) -> None:
        on_failure(self, *args)
        died.release()

    monkeypatch.setattr(InstanceActor, "on_failure", counted)
    with monkeypatch.context() as broken:
        broken.setattr(InstanceActor, "_recover", lambda self: 1 / 0)
        (actor,) = house.actors()
        fail_once(monkeypatch, Lifecycle, "learn")
        actor.tell(HealthChecked(run=0, problem=None))
        for _ in range(2):
            assert died.acquire(timeout=PATIENCE)
        house.settle()
        assert not died.acquire(blocking=False)
        assert not house.actors()
        assert house.init().error().code == "unavailable"
    house.advance(RESPITE)
    assert house.init().instance().pid == process.pid


def test_a_bug_of_the_supervisor_costs_one_request(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing that fails of a bug is answered so, and everything else goes on."""
    process = house.run()
    with monkeypatch.context() as broken:
        broken.setattr(house.store, "page", lambda *args: 1 / 0)
        error = house.ask(ListInstances()).error()
        assert (error.code, error.message) == (
            "internal_error",
            "The request failed by a bug: ZeroDivisionError('division by zero')",
        )
    assert house.supervisor.is_alive()
    assert not house.ask(GetHealth()).waits
    assert house.init().instance().pid == process.pid


def test_no_thread_left_for_an_actor(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no actor can be started, its user is told so and the others are served."""
    house.run("bob")

    def start(*args: object) -> pykka.ActorRef[InstanceActor]:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(InstanceActor, "start", start)
        assert "can't start new thread" in house.init("alice").error().message
        assert house.init("bob").instance().status is Status.RUNNING
    house.run("alice")


def test_a_bug_while_the_manager_stops(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An actor that dies while it stops its process is replaced by one that stops it."""
    house.run()
    done = threading.Event()
    house.supervisor.tell(ShutDown(done=done.set))
    house.settle()
    kill_actor(house, monkeypatch)
    house.end()
    assert done.wait(PATIENCE)
    assert house.status() is Status.STOPPED


def test_a_resting_user_is_stopped_with_the_manager(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the process of an actor that waits for its replacement is stopped at the end."""
    house.run()
    kill_actor(house, monkeypatch)
    fail_once(monkeypatch, Lifecycle, "learn")
    (actor,) = house.actors()
    actor.tell(HealthChecked(run=0, problem=None))
    assert actor.actor_stopped.wait(PATIENCE)
    done = threading.Event()
    house.supervisor.tell(ShutDown(done=done.set))
    house.replaced.get(timeout=PATIENCE)
    house.settle()
    house.end()
    assert done.wait(PATIENCE)


def test_a_rename_that_had_not_begun_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is kept off the new user id by a rename that died with its actor."""
    house.run()
    rename = RenameInstance(user_id="alice", to="bob")
    caller = house.ask_at_once(rename)
    house.settle()
    kill_actor(house, monkeypatch)
    assert caller.error().code == "internal_error"
    again = house.ask_at_once(rename)
    house.settle()
    house.end()
    assert again.instance().user_id == "bob"


def test_a_rename_that_was_half_done_is_finished(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the files are at the new place already, the instance is the new user's."""
    house.run()
    fail_once(monkeypatch, Store, "rename")
    caller = house.ask_at_once(RenameInstance(user_id="alice", to="bob"))
    house.settle()
    house.end()
    assert caller.error().code == "internal_error"
    replaced(house)
    assert house.store.get("alice") is None
    bob = house.store.get("bob")
    assert bob is not None
    assert bob.renaming_to is None
