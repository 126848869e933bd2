"""FleetReads: what is asked of all hosts at once. Whoever does not answer in time is named."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from actors.cluster.directory import Directory
from actors.cluster.merging import merge_fleet, merge_health, merge_instances
from bus import trace
from bus.answers import (
    Answer,
    ClusterAnswer,
    ClusterHost,
    ErrorAnswer,
    FleetAnswer,
    HealthAnswer,
    InstancesAnswer,
)
from bus.errors import PblmError
from bus.local import Handler, Reply
from bus.peers.bus import PeerBus
from bus.peers.messages import Call, Outcome
from bus.requests import GetFleet, GetHealth, ListInstances, Request

PATIENCE = 1.0
"""Seconds that the other hosts get: half of what a probe of ``/health/pb`` waits."""

_A = TypeVar("_A", bound=Answer)
Gathered = Callable[[dict[str, Outcome]], None]


class FleetReads:
    """Asks all hosts, this one too, and answers once. From any thread; never waits."""

    def __init__(self, name: str, directory: Directory, peers: PeerBus, serve: Handler) -> None:
        """``name`` is that of the cluster."""
        self._name = name
        self._directory = directory
        self._peers = peers
        self._serve = serve

    def instances(self, request: ListInstances, reply: Reply) -> None:
        """Answer with the instances of all hosts, in the order of their user ids."""

        def done(outcomes: dict[str, Outcome]) -> None:
            answers, silent = self._sorted_out(outcomes, InstancesAnswer)
            reply(merge_instances(answers, silent, limit=request.limit, owns=self._owns))

        self._gather(request, reply, done)

    def health(self, request: GetHealth, reply: Reply) -> None:
        """Answer how all hosts are."""

        def done(outcomes: dict[str, Outcome]) -> None:
            reply(merge_health(self._directory.host, *self._sorted_out(outcomes, HealthAnswer)))

        self._gather(request, reply, done)

    def numbers(self, request: GetFleet, reply: Reply) -> None:
        """Answer with the numbers of all hosts."""

        def done(outcomes: dict[str, Outcome]) -> None:
            reply(merge_fleet(self._directory.host, *self._sorted_out(outcomes, FleetAnswer)))

        self._gather(request, reply, done)

    def cluster(self) -> ClusterAnswer:
        """Return which hosts there are, from what is known here."""
        hosts, places = self._directory.hosts(), self._directory.places()
        users = Counter(place.host for place in places.values() if place.host)
        told = {}
        for name in sorted({*hosts, *users}):
            host = hosts.get(name)
            told[name] = ClusterHost(
                member=host is not None,
                heard=host is not None and self._hears(name),
                users=users[name],
                capacity=None if host is None else host.capacity,
                draining=host is not None and host.draining,
                version=None if host is None else host.version,
                http=None if host is None else host.http,
            )
        problems = {user: place.problem for user, place in places.items() if place.problem}
        return ClusterAnswer(
            name=self._name,
            host=self._directory.host,
            hosts=told,
            users=len(places),
            states=dict(Counter(str(place.state) for place in places.values())),
            problems=problems,
            warnings=list(self._directory.warnings()),
        )

    def _hears(self, host: str) -> bool:
        return host == self._directory.host or self._peers.hears(host)

    def _owns(self, user_id: str, host: str) -> bool:
        place = self._directory.place(user_id)
        return place is None or place.host == host or place.target == host

    def _sorted_out(
        self, outcomes: dict[str, Outcome], kind: type[_A]
    ) -> tuple[dict[str, _A], list[str]]:
        answers = {host: each for host, each in outcomes.items() if isinstance(each, kind)}
        owners = {place.host for place in self._directory.places().values() if place.host}
        lost = owners - set(self._directory.hosts())
        return answers, sorted((set(outcomes) | lost) - set(answers))

    def _gather(self, request: Request, reply: Reply, done: Gathered) -> None:
        here = self._directory.host
        others = [name for name in self._directory.hosts() if name != here]
        gathering = _Gathering({here, *others}, here, reply, done)
        call = Call(request_id=trace.request_id())
        for name in others:
            self._peers.ask(name, call, request, gathering.taker(name), within=PATIENCE)
        try:
            self._serve(request, gathering.taker(here))
        except PblmError as error:
            gathering.taker(here)(ErrorAnswer.of(error))


class _Gathering:
    """What has come of a question to several hosts. Without this host's own there is no answer."""

    def __init__(self, expected: set[str], here: str, reply: Reply, done: Gathered) -> None:
        self._expected = expected
        self._here = here
        self._reply = reply
        self._done = done
        self._outcomes: dict[str, Outcome] = {}
        self._lock = threading.Lock()

    def taker(self, host: str) -> Callable[[Outcome], None]:
        """Return what takes the outcome of one host."""

        def take(outcome: Outcome) -> None:
            with self._lock:
                self._outcomes[host] = outcome
                complete = len(self._outcomes) == len(self._expected)
            if complete:
                self._finish()

        return take

    def _finish(self) -> None:
        own = self._outcomes[self._here]
        if isinstance(own, ErrorAnswer):
            self._reply(own)
        else:
            self._done(self._outcomes)
