"""Atlas: what was last heard of all hosts and places, kept up to date by a watch.

Read from memory by everybody. A watch may end, or die in silence with the member it listens to, so
it is begun anew after a while without news, and everything is read again now and then.

So it is when etcd was put back to a copy, where the revisions are lower than what was heard: what
is kept counts for nothing then, and a watch would be silent until they have caught up.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence

from actors.clock import boottime
from actors.cluster.coordination import (
    Change,
    Compacted,
    Coordination,
    Presence,
    SeenHost,
    SeenPlace,
    View,
)
from actors.cluster.directory import Host, Place, State
from actors.cluster.gateway import Unreachable
from bus.errors import Unavailable
from bus.labels import Hashed

SILENCE = 4.0
"""Seconds without a change after which a watch is begun anew."""
RELOAD = 600.0
"""Seconds after which everything is read again, as the worst that can have been missed."""
RESPITE = 1.0
"""Seconds until etcd is asked again when it has not answered."""

log = logging.getLogger(__name__)


class Atlas:
    """A :class:`Directory`. Any thread may use it."""

    def __init__(
        self,
        host: str,
        coordination: Coordination,
        *,
        grace: float,
        now: Callable[[], float] = boottime,
    ) -> None:
        """A host is lost when it has not been there for ``grace`` seconds."""
        self.host = host
        self._coordination = coordination
        self._grace = grace
        self._now = now
        self._gone: Callable[[int], None] = lambda revision: None
        self._undone: Callable[[], None] = lambda: None
        self._absence: Callable[[], str] = str
        self._lock = threading.Lock()
        self._hosts: dict[str, SeenHost] = {}
        self._places: dict[str, SeenPlace] = {}
        self._hashed = Hashed()
        self._missed: dict[str, float] = {}
        self._listeners: list[Callable[[], None]] = []
        self._warnings: list[str] = []
        self._revision = 0
        """From there on it is watched."""
        self._heard = 0
        """The latest revision that anybody here was told of."""
        self.doubt: float = 0
        """What is told of who was claimed under that incarnation, or before, may be of a copy that
        etcd was put back to: whoever claims them looks elsewhere, too."""
        self._noted = 0
        """When that was noted in etcd, by whichever host."""
        self._fell_to = 0
        """The revision at which it was found, until that is noted; 0: no revision has told it."""
        self._stale = threading.Event()
        """Everything is to be read again."""
        self._stale.set()
        self._loaded = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="atlas")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End; the coordination is closed by now, and with it the watch."""
        self._closed.set()
        self._thread.join()

    def hosts(self) -> Mapping[str, Host]:
        """See :class:`Directory`."""
        with self._lock:
            return {name: seen.host for name, seen in self._hosts.items()}

    def place(self, user_id: str) -> Place | None:
        """See :class:`Directory`."""
        seen = self._places.get(user_id)
        return None if seen is None else seen.place

    def places(self) -> Mapping[str, Place]:
        """See :class:`Directory`."""
        with self._lock:
            return {user: seen.place for user, seen in self._places.items()}

    def warnings(self) -> Sequence[str]:
        """See :class:`Directory`."""
        return [*filter(None, (self.absence(), self._doubts())), *self._warnings]

    def _doubts(self) -> str:
        """Tell how many users are still as the copy of etcd may have them; empty: nobody is."""
        if not self.doubt:
            return ""
        places = self.places().values()
        users = sum(self.is_doubtful(each) and each.state is not State.PURGED for each in places)
        told = "etcd was put back to a copy: users who have not been claimed anew since then: %d"
        return told % users if users else ""

    def absence(self) -> str:
        """See :class:`Directory`."""
        return self._absence()

    def labelled(self, label: str) -> str | None:
        """See :class:`Directory`."""
        return self._hashed.find(label)

    def listen(self, changed: Callable[[], None]) -> None:
        """See :class:`Directory`."""
        self._listeners.append(changed)

    def mind(
        self,
        gone: Callable[[int], None],
        undone: Callable[[], None] = lambda: None,
        absence: Callable[[], str] = str,
    ) -> None:
        """Have ``gone`` called with a revision at which this host itself was not there.

        And ``undone`` when etcd was put back to a copy. On whatever thread it was seen by.
        ``absence`` returns why this host is not in its cluster now, for the warnings; empty: it is.
        """
        self._gone, self._undone, self._absence = gone, undone, absence

    def read(self, user_id: str) -> Place | None:
        """See :class:`Directory`."""
        try:
            seen = self._coordination.read(user_id)
        except Unreachable as error:
            raise Unavailable(f"etcd does not answer: {error}", retry_after=2) from error
        if seen is not None:
            self.learn(user_id, seen)
        return None if seen is None else seen.place

    def wait_loaded(self, timeout: float) -> bool:
        """Return when everything was read once; whether it was."""
        return self._loaded.wait(timeout)

    def is_lost(self, host: str) -> bool:
        """Whether the host has not been there for so long that nothing of it can be left."""
        with self._lock:
            if host in self._hosts:
                return False
            return self._now() - self._missed.setdefault(host, self._now()) > self._grace

    def suspect(self, user_id: str) -> None:
        """Etcd was put back, as the place of that user shows: whoever comes is to know."""
        log.warning("%s had a later epoch than etcd knows: it was put back to a copy", user_id)
        self.doubt = math.inf
        self._stale.set()

    def is_doubtful(self, place: Place) -> bool:
        """Whether somebody may have had the user since, though the place does not tell."""
        return place.incarnation <= self.doubt

    def incarnation(self, host: str) -> int | None:
        """The membership that the host has; None: it is not there."""
        seen = self._hosts.get(host)
        return None if seen is None else seen.incarnation

    def learn(self, user_id: str, seen: SeenPlace) -> None:
        """Know of a place before the watch tells."""
        with self._lock:
            former = self._places.get(user_id)
            if former is None or former.revision < seen.revision:
                self._places[user_id] = seen
            self._heard = max(self._heard, seen.revision)
            if former is None:
                self._hashed.add(user_id)

    def look(self) -> None:
        """Know for sure who is there, as it is; raises :class:`Unreachable`.

        What is answered is no earlier than what was heard before, unless etcd was put back.
        """
        heard = self._heard
        present = self._coordination.hosts()
        if present.revision < heard:
            self._loaded.clear()
            self._stale.set()
            self._begin_anew(present.revision)
        self.learn_hosts(present)

    def reload(self) -> None:
        """Read everything again, as soon as it can be had."""
        self._stale.set()

    def _begin_anew(self, revision: int) -> None:
        """Etcd was put back to a copy, and is at that revision: what was heard is of no use."""
        log.error("etcd was put back to a copy: it is at revision %d now", revision)
        with self._lock:
            self._heard = self._fell_to = revision
            self.doubt = math.inf
        self._undone()

    def learn_hosts(self, present: Presence) -> None:
        """Know who is there."""
        with self._lock:
            changed = present.hosts != self._hosts
            self._set_hosts(present.hosts)
            self._heard = max(self._heard, present.revision)
        self._mind(present.hosts.get(self.host), present.revision)
        if changed:
            self._notify()

    def _mind(self, own: SeenHost | None, revision: int) -> None:
        """One that was made at a revision was not there just before."""
        self._gone(revision if own is None else own.incarnation - 1)

    def _set_hosts(self, hosts: Mapping[str, SeenHost]) -> None:
        self._hosts = dict(hosts)
        self._missed = {host: at for host, at in self._missed.items() if host not in hosts}

    def _run(self) -> None:
        loaded_at = 0.0
        while not self._closed.is_set():
            try:
                if self._stale.is_set() or boottime() - loaded_at >= RELOAD:
                    self._stale.clear()
                    loaded_at = self._load(boottime())
                self._coordination.watch(self._revision, self._follow, SILENCE)
            except Compacted:
                self._stale.set()
            except Unreachable as error:
                log.debug("watch: %s", error)
                self._closed.wait(RESPITE)
            except Exception:
                log.exception("atlas: a bug")
                self._stale.set()
                self._closed.wait(RESPITE)

    def _load(self, began: float) -> float:
        try:
            view = self._coordination.view()
            self.know(view)
            if self.doubt == math.inf:
                self._note(view)
        except BaseException:
            self._stale.set()
            raise
        self.heed()
        return began

    def _note(self, view: View) -> None:
        """Have it known which memberships came after: those that were begun since it was found.

        Hosts join anew before anybody notes it, and one may find it after another has joined. So
        the earliest note of it counts.
        """
        fell_to, doubt = self._fell_to, view.doubt
        until = fell_to or view.revision
        if doubt.revision in (0, self._noted) or doubt.until > until:
            noted = self._coordination.doubt(until, doubt)
            if noted is None:
                self._stale.set()
                return
            doubt = noted
        with self._lock:
            if self._fell_to == fell_to:  # it was not put back once more meanwhile
                self.doubt, self._noted, self._fell_to = doubt.until, doubt.revision, 0

    def heed(self) -> None:
        """Ask what an operator should know of the engine, and of each of its members."""
        warnings = self._coordination.warnings()
        for warning in warnings:
            if warning not in self._warnings:
                log.warning(warning)
        self._warnings = warnings

    def know(self, view: View) -> None:
        """Know everything, but for what was heard after that moment."""
        undone = self._is_undone(view)
        if undone and self._loaded.is_set():  # nobody has seen it before
            self._begin_anew(view.revision)
        with self._lock:
            self._set_hosts(view.hosts)
            kept = {} if undone else self._places
            newer = {user: seen for user, seen in kept.items() if seen.revision > view.revision}
            for user in view.places.keys() - self._places.keys():
                self._hashed.add(user)
            self._places = {**view.places, **newer}
            self._revision = view.revision
            if self.doubt < math.inf and self._noted < view.doubt.revision:
                self.doubt, self._noted = view.doubt.until, view.doubt.revision
            self._heard = max(self._heard, view.revision)
        self._mind(view.hosts.get(self.host), view.revision)
        self._loaded.set()
        self._notify()

    def _is_undone(self, view: View) -> bool:
        """Whether something was heard that should have happened by then, and has not."""
        with self._lock:
            return view.revision < self._revision or any(
                seen.revision < self._places[user].revision <= view.revision
                for user, seen in view.places.items()
                if user in self._places
            )

    def _follow(self, change: Change) -> None:
        if self._stale.is_set():
            raise Compacted("everything is to be read again")
        self._hear(change)

    def _hear(self, change: Change) -> None:
        with self._lock:
            self._revision = max(self._revision, change.revision)
            self._heard = max(self._heard, change.revision)
            if isinstance(change.seen, SeenHost):
                self._set_hosts({**self._hosts, change.name: change.seen})
            elif change.seen is None:
                self._hosts.pop(change.name, None)
                self._missed.setdefault(change.name, self._now())
        if isinstance(change.seen, SeenPlace):
            self.learn(change.name, change.seen)
        elif change.name == self.host:
            self._mind(change.seen, change.revision)
        self._notify()

    def _notify(self) -> None:
        for changed in self._listeners:
            changed()
