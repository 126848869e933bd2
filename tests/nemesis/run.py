"""Run: one fault after another, under writes, and what is found at the end."""

from __future__ import annotations

import functools
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.clock import boottime
from actors.cluster.atlas import Atlas
from actors.cluster.directory import Place, State
from actors.cluster.etcd import Etcd
from actors.layout import directory_name
from bus.settings import Settings
from tests.chaos.writer import read_back
from tests.cluster.client import Ack, Client
from tests.nemesis.faults import FAULTS, Fault
from tests.nemesis.network import Host
from tests.nemesis.replica import ReplicaWatch
from tests.nemesis.station import Station, members
from tests.nemesis.verdict import EPOCH, INTEGRITY, LOSS, OVERLAP, Broken

RECOVERY = 60.0
"""Seconds in which everybody is served again, beyond the time of a lease."""
SLACK = 2.5
"""Seconds before an owner's last acknowledgement that may be lost: one to the next copy, one for
that to arrive, and the rest for a busy machine. While its instance does not run, nothing is written
and nothing copied: that time does not count."""

Say = Callable[[str], None]


@dataclass
class Happened:
    """A fault that was made, and what it cost."""

    fault: Fault
    host: str
    began: float
    ended: float = 0.0
    outages: list[float] = field(default_factory=list)
    lost: int = 0
    window: float = 0.0
    """Seconds between the first acknowledgement that was lost and the owner's last."""
    behind: int = 0
    """How many of the lost are excused only because the replica had not caught up."""


class Run:
    """See the module."""

    def __init__(
        self, hosts: list[Host], folder: Path, settings: dict[str, Any], replicas: Path, say: Say
    ) -> None:
        """``replicas`` is the folder of the bucket that has them."""
        self.happened: list[Happened] = []
        self._say = say
        self._ttl = int(settings["cluster_ttl"])
        self._margin = float(settings["cluster_margin"])
        self.stations = [Station(host, hosts, folder, settings) for host in hosts]
        seen_by = Settings(
            cluster_etcd=tuple(members(hosts)), cluster_name="nemesis", replica_url="/none"
        )
        self.agreed = Etcd(seen_by)
        self.atlas = Atlas("clients", self.agreed, grace=0.0)
        self.clients: list[Client] = []
        self.epochs: dict[str, list[int]] = defaultdict(list)
        self.keys: list[tuple[float, str, int | None]] = []
        """When each host was seen to join, under which incarnation, and when to be gone (None)."""
        self.replica = ReplicaWatch(replicas, self._data)

    def begin(self, users: int) -> None:
        """Start everything, and the clients."""
        for station in self.stations:
            station.make_disk()
            station.start_etcd()
        for station in self.stations:
            station.start_manager()
        self._await(lambda: all(station.serves() for station in self.stations), "all serve")
        self.atlas.start()
        self.atlas.listen(self._note)
        for number in range(users):
            user = f"user{number}"
            self.stations[number % len(self.stations)].init(user)
            place = self._await_place(user)
            self._provide(user, place)
            self.clients.append(Client(self._place_of, user, "", pause=0.1))
        for client in self.clients:
            client.start()
        self._await(self._all_write, "all write")
        self.replica.start()
        self._await(
            lambda: all(self.replica.knows(each.user) for each in self.clients),
            "all changes are seen in the bucket",
        )

    def hurt(self, chance: random.Random, among: tuple[Fault, ...]) -> None:
        """Make one fault, undo it, and wait until everybody is served again.

        It befalls the host of somebody: one that has nobody would be missed by nobody.
        """
        fault, client = chance.choice(among), chance.choice(self.clients)
        with self.during(fault, self.owner(client.user)):
            threading.Event().wait(fault.lasts)

    @contextmanager
    def during(self, fault: Fault, station: Station) -> Iterator[Happened]:
        """Make a fault, undo it after the block, and wait until everybody is served again."""
        happened = Happened(fault=fault, host=station.name, began=boottime())
        self.happened.append(happened)
        marks = {client.user: len(client.acks) for client in self.clients}
        fault.begin(station, self.stations)
        try:
            yield happened
        finally:
            fault.end(station, self.stations)
            happened.ended = boottime()
        self._await_well(happened.ended, fault.name)
        happened.outages = [
            max(client.outages(since=marks[client.user]), default=0.0) for client in self.clients
        ]
        worst = max(happened.outages)
        self._say(f"{fault.name:42} {station.name}  longest outage {worst:5.1f} s")

    def _await_well(self, since: float, what: str) -> None:
        self._await(lambda: all(each.acks[-1].at > since for each in self.clients), f"after {what}")
        self._await(lambda: all(each.serves() for each in self.stations), "all serve")
        self._await(lambda: len(self.agreed.hosts().hosts) == len(self.stations), "all have joined")

    def owner(self, user: str) -> Station:
        """Return the host that a user runs on, as soon as it runs."""
        return self._owner(self._await_place(user))

    def end(self) -> list[Broken]:
        """Stop the clients; return what was violated."""
        for client in self.clients:
            client.close()
        return [each for client in self.clients for each in self._judge(client)]

    def close(self) -> None:
        """End everything."""
        self.replica.close()
        for station in self.stations:
            station.thaw_disk()
            station.kill_all()
            station.remove_disk()
        self.agreed.close()
        self.atlas.close()

    def _judge(self, client: Client) -> list[Broken]:
        user, seen = client.user, self.epochs[client.user]
        wrong = [_overlap(user, old, new) for old, new in client.overlaps()]
        if seen != sorted(set(seen)):
            wrong.append(Broken(kind=EPOCH, user=user, what=str(seen)))
        place = self._await_place(user)
        host, _, port = str(place.address).rpartition(":")
        found = {int(row["number"]) for row in read_back(int(port), host=host)}
        lost = [ack for ack in client.acks if ack.routed and ack.number not in found]
        wrong += [problem for ack in lost if (problem := self._unexcused(client, ack))]
        check = _check(self._owner(place).dbs / directory_name(user) / "data.db")
        return wrong if check == "ok" else [*wrong, Broken(kind=INTEGRITY, user=user, what=check)]

    def _unexcused(self, client: Client, ack: Ack) -> Broken | None:
        """Say so if this acknowledgement may not be lost."""
        same = (each for each in client.acks if each.routed and each.epoch == ack.epoch)
        last = max(each.at for each in same)
        window = last - ack.at
        cause = max(
            (each for each in self.happened if each.began <= last + 1), key=lambda one: one.began
        )
        cause.lost += 1
        cause.window = max(cause.window, window)
        copied_for = functools.partial(self.replica.copied_for, client.user, until=last)
        bound = SLACK + (self._ttl - self._margin if cause.fault.cut else 0.0)
        if copied_for(ack.at) <= bound:
            return None
        since = self._behind_since(client.user, ack, last)
        if since is not None and copied_for(ack.at) <= bound + copied_for(since):
            cause.behind += 1
            return None
        what = f"acknowledged by {ack.host} in epoch {ack.epoch}, before {cause.fault.name}"
        return Broken(kind=LOSS, user=client.user, what=what, seconds=window)

    def _behind_since(self, user: str, ack: Ack, last: float) -> float | None:
        """When the bucket of its owner was cut off, if the replica was not seen to catch up."""
        for one in self.happened:
            if one.fault.uncopied and one.host == ack.host and one.began <= last:
                caught = self.replica.caught_up(user, ack.epoch, one.ended or last, last)
                if caught is None:
                    return one.began
        return None

    def _data(self) -> dict[str, Path]:
        dbs = {each.name: each.dbs for each in self.stations}
        return {
            user: dbs[place.host]
            for user, place in self.atlas.places().items()
            if place.host in dbs
        }

    def _note(self) -> None:
        known = {host: incarnation for _, host, incarnation in self.keys}
        for host in [each.name for each in self.stations]:
            now = self.atlas.incarnation(host)
            if known.get(host) != now:
                self.keys.append((boottime(), host, now))
        for user, place in self.atlas.places().items():
            epochs = self.epochs[user]
            if not epochs or epochs[-1] != place.epoch:
                epochs.append(place.epoch)

    def _place_of(self, user: str) -> Place | None:
        return self.atlas.place(user)

    def _await_place(self, user: str) -> Place:
        self._await(lambda: self.runs(user), f"{user} runs")
        place = self.atlas.place(user)
        assert place is not None
        return place

    def _owner(self, place: Place) -> Station:
        return next(each for each in self.stations if each.name == place.host)

    def runs(self, user: str) -> bool:
        """Whether the user runs, as far as the hosts have agreed."""
        place = self.atlas.place(user)
        return place is not None and place.state is State.RUNNING

    def _all_write(self) -> bool:
        return all(len(client.acks) > 3 for client in self.clients)

    def _provide(self, user: str, place: Place) -> None:
        station = self._owner(place)
        directory = station.dbs / directory_name(user)
        host, _, port = str(place.address).rpartition(":")
        program = [sys.executable, "-m", "tests.nemesis.provide", str(directory), host, port]
        subprocess.run([*station.host.enter, *program], check=True, timeout=60)

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self._ttl + RECOVERY
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {self._ttl + RECOVERY:g} s: {what}")
            threading.Event().wait(0.1)


def kinds(names: list[str]) -> tuple[Fault, ...]:
    """Return those of these names; all if there are none."""
    return tuple(fault for fault in FAULTS if not names or fault.name in names)


def _overlap(user: str, old: Ack, new: Ack) -> Broken:
    what = f"{old.host} acknowledged in epoch {old.epoch} after {new.host} in {new.epoch}"
    return Broken(kind=OVERLAP, user=user, what=what, seconds=old.sent - new.at)


def _check(database: Path) -> str:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return str(opened.execute("PRAGMA integrity_check").fetchone()[0])
