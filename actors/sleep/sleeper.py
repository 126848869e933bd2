"""Sleeper: looks who is used, and has the others put to sleep. Also who must not be."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

import msgspec
import pykka

from actors.capability import Capability, end
from actors.door.routes import DoorActivity
from actors.facts import Asked
from actors.records import Record
from actors.services import Services
from actors.sleep.idleness import Idleness
from actors.telling import tell
from actors.traffic import Traffic, held_by, io_counters, traffic
from bus.answers import Answer, ErrorAnswer, SleepAnswer
from bus.errors import InternalError, NotFound, PblmError
from bus.events import Event, StatusChanged
from bus.requests import GetSleep, PutSleepPolicy, SleepInstance
from bus.sleep import SleepPolicy
from bus.states import Status

SHORTEST_LOOK, LONGEST_LOOK = 0.25, 5.0
"""Seconds between two looks; in between, a quarter of the shortest idle time of all users."""
NOTHING_DECIDED = SleepPolicy()

log = logging.getLogger(__name__)


class LookDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look who is used."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of those that run."""

    door: Mapping[str, DoorActivity]
    traffic: Mapping[int, Traffic]
    io: Mapping[int, tuple[int, int] | None]
    held: frozenset[str]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Something has happened."""

    event: Event


class Sleeper(pykka.ThreadingActor):
    """Owns what is known of each running instance's idleness; the policies are in the registry."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._idle: dict[str, Idleness] = {}
        self._looked = services.clock.monotonic()

    def on_receive(self, message: object) -> None:
        """Take a request, an event, or what was seen. A bug ends that, not this."""
        try:
            self._receive(message)
        except Exception as bug:
            if isinstance(message, Asked):
                error = bug if isinstance(bug, PblmError) else InternalError(f"A bug: {bug!r}")
                message.reply(ErrorAnswer.of(error))
            else:
                log.exception("sleeper: a bug")
                self._look_later()

    def _receive(self, message: object) -> None:
        match message:
            case Asked(request=GetSleep(user_id=user_id), reply=reply):
                reply(self._answer(user_id))
            case Asked(request=PutSleepPolicy(user_id=user_id, policy=policy), reply=reply):
                self._check_known(user_id)
                self._services.store.put_sleep_policy(user_id, policy)
                reply(self._answer(user_id))
            case LookDue():
                self._look()
            case Looked():
                self._judge(message)
                self._look_later()
            case Heard(event=event):
                self._hear(event)
            case _:
                log.error("sleeper: not understood: %r", message)

    def _hear(self, event: Event) -> None:
        if isinstance(event, StatusChanged):
            self._idle.pop(event.user_id, None)
            if event.status is Status.RUNNING:
                self._idle[event.user_id] = Idleness(self._services.clock.monotonic())

    def _look(self) -> None:
        """Have it looked, if there is anybody who may sleep."""
        running = self._candidates()
        if not running:
            self._look_later()
            return
        ports = {record.port for record in running if record.port is not None}
        pids = {record.pid for record in running if record.pid is not None}

        def look(door: Mapping[str, DoorActivity]) -> None:
            seen = Looked(
                door=door,
                traffic=traffic(ports),
                io={pid: io_counters(pid) for pid in pids},
                held=frozenset(held_by(self._services.routes.pids())),
            )
            self.tell(seen)

        self._services.routes.sample(lambda door: self._services.health.run(lambda: look(door)))

    def _judge(self, seen: Looked) -> None:
        now = self._services.clock.monotonic()
        elapsed, self._looked = now - self._looked, now
        probes = math.ceil(elapsed / self._services.settings.health_interval) + 1
        for record in self._candidates():
            user_id, port, pid = record.user_id, record.port, record.pid
            if port is None or port not in seen.traffic or pid is None or pid not in seen.io:
                continue
            idleness = self._idle.setdefault(user_id, Idleness(now, "it was found running"))
            connections, door = seen.traffic[port], seen.door.get(user_id)
            idleness.look(now, connections, set(seen.held), door, seen.io[pid], probes=probes)
            timeout = self._timeout(user_id)
            if timeout is not None and self._refusal(user_id) is None:
                idle = now - idleness.since
                if idle >= timeout:
                    self._put_to_sleep(user_id, idle)

    def _put_to_sleep(self, user_id: str, idle: float) -> None:
        def reply(answer: Answer) -> None:
            if isinstance(answer, ErrorAnswer):
                log.info("%s: %s", user_id, answer.message)

        request = SleepInstance(user_id=user_id, reason=f"Nobody used it for {idle:.0f} s")
        self._services.ask(request, reply)

    def _candidates(self) -> list[Record]:
        if self._services.settings.idle_timeout is None and not any(
            policy.idle_timeout for policy in self._services.store.sleep_policies()
        ):
            return []
        return [
            record
            for record in self._services.store.records(Status.RUNNING)
            if self._timeout(record.user_id) is not None
        ]

    def _timeout(self, user_id: str) -> float | None:
        own = self._policy(user_id).idle_timeout
        return self._services.settings.idle_timeout if own is None else own

    def _policy(self, user_id: str) -> SleepPolicy:
        return self._services.store.sleep_policy(user_id) or NOTHING_DECIDED

    def _refusal(self, user_id: str) -> str | None:
        """Why the user's instance is not put to sleep, whatever its idleness."""
        policy = self._policy(user_id)
        if self._timeout(user_id) is None:
            return "Nobody is put to sleep: set PB_IDLE_TIMEOUT, or the user's idle_timeout"
        if policy.pinned:
            return "It is pinned"
        window = policy.window_at(self._services.clock.now())
        return None if window is None else f"It does not sleep {window}"

    def _answer(self, user_id: str) -> SleepAnswer:
        record = self._check_known(user_id)
        idleness = self._idle.get(user_id)
        running = record.status is Status.RUNNING
        if running and idleness is None:
            idleness = Idleness(self._services.clock.monotonic())
        idle = None
        if running and idleness is not None:
            idle = round(self._services.clock.monotonic() - idleness.since, 1)
        return SleepAnswer(
            policy=self._policy(user_id),
            status=record.status,
            idle_timeout=self._timeout(user_id),
            idle_seconds=idle,
            open_connections=0 if idleness is None else idleness.open,
            why=self._why(record, idleness, idle),
        )

    def _why(self, record: Record, idleness: Idleness | None, idle: float | None) -> str:
        if idle is None or idleness is None:
            return record.reason
        refusal = self._refusal(record.user_id)
        if refusal is not None:
            return refusal
        timeout = self._timeout(record.user_id)
        return f"Last activity {idle:.0f} s ago: {idleness.what}; it sleeps after {timeout:g} s"

    def _check_known(self, user_id: str) -> Record:
        record = self._services.store.get(user_id)
        if record is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")
        return record

    def _look_later(self) -> None:
        times = [policy.idle_timeout for policy in self._services.store.sleep_policies()]
        times.append(self._services.settings.idle_timeout)
        shortest = min((time for time in times if time is not None), default=math.inf)
        delay = min(LONGEST_LOOK, max(SHORTEST_LOOK, shortest / 4))
        self._services.clock.call_later(delay, lambda: self.tell(LookDue()))

    def tell(self, message: object) -> None:
        """Tell this actor, from any thread; nothing when it has ended."""
        tell(self.actor_ref, message)


def make_sleeper(services: Services) -> Capability:
    """Return the capability of looking who is used."""
    sleeper = Sleeper.start(services)
    sleeper.tell(LookDue())

    def hear(event: Event) -> None:
        tell(sleeper, Heard(event=event))

    return Capability(
        owner=sleeper,
        requests=(GetSleep, PutSleepPolicy),
        hear=hear,
        close=lambda: end(sleeper),
    )
