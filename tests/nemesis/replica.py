"""Replica: seen from outside, until when the changes of each user have been in the bucket.

And when there was a Litestream that could have copied them.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from actors.clock import boottime
from actors.layout import Layout, directory_name
from actors.replication.generation import LocalState
from tests.house.surroundings import command_line

LOOK = 0.5
"""Seconds between two looks."""
CHANGES = "0000"
"""The folder of a generation to which Litestream 0.5 copies each change, in a bucket."""


class ReplicaWatch:
    """Looks from a thread of its own, at the files of the hosts and at those of the bucket."""

    def __init__(self, bucket: Path, users: Callable[[], dict[str, Path]]) -> None:
        """``bucket`` has the users' replicas; ``users`` says where the data of whose host are."""
        self._bucket = bucket
        self._users = users
        self._seen: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._looks: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        """Of each user: when it was looked, and whether a Litestream ran."""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica watch", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def knows(self, user: str) -> bool:
        """Whether the user's changes have been seen there at all."""
        return any(whose == user for whose, _ in list(self._seen))

    def caught_up(self, user: str, epoch: int, since: float, until: float) -> float | None:
        """When first, between two moments, the newest change was there; None: it was not seen."""
        moments = list(self._seen.get((user, epoch), ()))
        return next((moment for moment in moments if since < moment <= until), None)

    def copied_for(self, user: str, since: float, until: float) -> float:
        """For how many seconds, between two moments, there may have been a Litestream.

        There was none from one look that found none to the next that did not, either.
        """
        looks = list(self._looks.get(user, ()))
        idle = sum(
            max(0.0, min(after, until) - max(before, since))
            for (before, ran), (after, runs) in itertools.pairwise(looks)
            if not ran and not runs
        )
        return until - since - idle

    def _run(self) -> None:
        while not self._end.wait(LOOK):
            running = {word for name in os.listdir("/proc") for word in _words(name)}
            for user, dbs in self._users().items():
                self._look(user, dbs, running)

    def _look(self, user: str, dbs: Path, running: set[str]) -> None:
        state, began = LocalState(_layout(dbs).replication(user)), boottime()
        self._looks[user].append((began, str(state.config) in running))
        generation, newest = state.current(), state.last_change()
        if generation is None or newest is None:
            return
        folder = self._bucket / directory_name(user) / generation.name / CHANGES
        if (folder / newest).exists():
            self._seen[user, generation.epoch].append(began)


def _words(name: str) -> list[str]:
    return command_line(int(name)) if name.isdigit() else []


def _layout(dbs: Path) -> Layout:
    return Layout(root=dbs, control=dbs / ".pblm")
