"""Whatever happens in whatever order: what must hold for every user, always."""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pykka
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.facts import Asked, HealthChecked, InstanceReady, Problem, ProcessExited, StartTimedOut
from actors.instance import InstanceActor
from actors.proc import ExitStatus
from actors.supervisor import RESPITE
from bus.events import StatusChanged
from bus.requests import SleepInstance, WakeInstance
from bus.states import SETTLED, TRANSITIONS, Status
from tests.actors.fakes import PATIENCE, FakeProcess
from tests.actors.house import Caller, opened

USERS = ("alice", "bob", "carol")
START, STOP = 15.0, 5.0
LONGEST = START + 2 * STOP + 1
"""Seconds that one start, or one stop, may take before it has ended one way or the other."""
OUTPUTS = (
    "",
    "listen tcp 127.0.0.1:1: bind: address already in use",
    "file is not a database (26)",
    "failed to apply migration x.js: no",
)

users = st.sampled_from(USERS)


class World(RuleBasedStateMachine):
    """A manager, three users, and a world that does what it likes."""

    @initialize()
    def open(self) -> None:
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.house = self.stack.enter_context(
            opened(
                Path(folder) / "dbs",
                port_range=5,
                max_starting=1,
                start_queue=2,
                start_timeout=START,
                stop_timeout=STOP,
            )
        )
        self.callers: list[Caller] = []
        self.since = dict.fromkeys(USERS, 0.0)
        self.seen = 0
        self.last: dict[str, Status] = {}
        self.died = threading.Semaphore(0)
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        on_failure = InstanceActor.on_failure

        def counted(actor: InstanceActor, *args: Any) -> None:
            on_failure(actor, *args)
            self.died.release()

        patch.setattr(InstanceActor, "on_failure", counted)

    @rule(user=users, force=st.booleans(), wait=st.booleans())
    def init(self, user: str, force: bool, wait: bool) -> None:
        self.callers.append(self.house.init(user, force_restart=force, wait=wait))

    @rule(user=users)
    def stop(self, user: str) -> None:
        self.callers.append(self.house.stop(user))

    @rule(user=users)
    def wake(self, user: str) -> None:
        self.callers.append(self.house.ask(WakeInstance(user_id=user)))

    @rule(user=users)
    def fall_asleep(self, user: str) -> None:
        self.callers.append(self.house.ask(SleepInstance(user_id=user)))

    @rule(user=users)
    def become_ready(self, user: str) -> None:
        if self.house.alive(user):
            self.house.ready(user)

    @rule(user=users, code=st.sampled_from([0, 1, -9, -15]), output=st.sampled_from(OUTPUTS))
    def exit(self, user: str, code: int, output: str) -> None:
        if self.house.alive(user):
            self.house.end(user, code, output)

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.9, 5.0, 14.9, 15.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        self.house.advance(seconds)

    @rule(problem=st.sampled_from([None, "timeout"]))
    def come_back(self, problem: str | None) -> None:
        self.house.check(problem)

    @rule(back=st.integers(0, 2), what=st.integers(0, 3))
    def arrive_late(self, back: int, what: int) -> None:
        for user, actor in self.owners():
            run = self.house.record(user).run - back
            if back == 0 and (what != 3 or self.house.status(user) is Status.STARTING):
                continue  # not late: it would be true
            actor.tell(
                (
                    ProcessExited(run=run, status=ExitStatus(code=0)),
                    InstanceReady(run=run, identity="stale"),
                    HealthChecked(run=run, problem=Problem(what="stale", silent=True)),
                    StartTimedOut(run=run),
                )[what]
            )
        self.house.settle()

    @rule(user=users)
    def lose_the_database(self, user: str) -> None:
        if not self.house.alive(user):
            (self.house.layout.data(user) / "data.db").unlink(missing_ok=True)

    @rule()
    def crash_the_manager(self) -> None:
        self.callers.clear()  # nobody is left to answer them
        self.house.crash()
        self.house.recover()
        self.since = dict.fromkeys(USERS, self.house.clock.monotonic())

    @rule(user=users)
    def meet_a_bug(self, user: str) -> None:
        for owner, actor in self.owners():
            if owner == user:
                actor.tell(Asked(request=None, reply=None))  # type: ignore[arg-type]
                assert self.died.acquire(timeout=PATIENCE)
                self.since[user] = self.house.clock.monotonic() + RESPITE
        self.house.settle()

    def owners(self) -> list[tuple[str, pykka.ActorRef[InstanceActor]]]:
        """The users who are known and have an actor that lives, and the actors."""
        owners = self.house.owners.items()
        return [(user, ref) for user, ref in owners if self.known(user) and ref.is_alive()]

    def known(self, user: str) -> bool:
        return self.house.store.get(user) is not None

    @invariant()
    def every_change_is_allowed(self) -> None:
        """Events tell an unbroken chain of allowed changes."""
        for event in self.house.events[self.seen :]:
            if isinstance(event, StatusChanged):
                assert event.old == self.last.get(event.user_id)
                assert event.status in TRANSITIONS[event.old]
                self.last[event.user_id] = event.status
                self.since[event.user_id] = max(
                    self.since[event.user_id], self.house.clock.monotonic()
                )
        self.seen = len(self.house.events)

    @invariant()
    def the_registry_is_reality(self) -> None:
        """Each user has one process at most, the one on record once its actor knows."""
        ports: list[int] = []
        for user in USERS:
            living = self.living(user)
            assert len(living) <= 1
            ports += [process.port for process in living]
            if not self.known(user):
                assert not living
                continue
            if not self.house.owners[user].is_alive():
                continue  # its actor rests after a bug: news will be read when it is replaced
            record = self.house.record(user)
            assert [process.pid for process in living] == ([record.pid] if record.pid else [])
            match record.status:
                case Status.RUNNING | Status.STOPPING:
                    assert living
                case Status.STOPPED | Status.HIBERNATED:
                    assert not living
                case Status.FAILED:
                    assert all("KILL" in process.signals for process in living)
        assert len(set(ports)) == len(ports)

    @invariant()
    def nothing_is_on_its_way_for_ever(self) -> None:
        """Starting and Stopping end within their deadlines, behind at most two others."""
        now = self.house.clock.monotonic()
        for user in USERS:
            if self.known(user) and self.house.status(user) not in SETTLED:
                assert now - self.since[user] <= len(USERS) * LONGEST
                assert self.house.clock.due(), "nothing will ever move it on"

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        """A request has one answer."""
        assert all(caller.answers.qsize() <= 1 for caller in self.callers)

    def living(self, user: str) -> list[FakeProcess]:
        return self.house.processes.living(self.house.layout.data(user))

    def teardown(self) -> None:
        """In a world that helps, everybody is answered, and all can be stopped."""
        if not hasattr(self, "house"):
            return
        with self.stack:
            self.house.advance(2 * RESPITE)
            for user in filter(self.known, USERS):
                self.callers.append(self.house.stop(user))
            for _ in range(3):
                for process in self.house.processes.living():
                    process.end()
                self.house.advance(LONGEST)
            for user in filter(self.known, USERS):
                assert self.house.status(user) is Status.STOPPED
            assert not self.house.processes.living()
            assert all(caller.answers.qsize() == 1 for caller in self.callers)


TestWorld = World.TestCase
TestWorld.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    phases=[Phase.generate],  # a failure is told soon, not when it is as short as can be
)
