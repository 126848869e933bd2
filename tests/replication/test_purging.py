"""The replica of somebody who was purged is removed, though the place may refuse for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import cast

from actors.layout import directory_name
from actors.replication.facts import UserPurged
from actors.replication.place import Place
from actors.replication.replicas import Replicas
from actors.replication.replicator import PURGE_AGAIN, Replicator
from bus.errors import BackupError
from tests.actors.house import opened
from tests.house.surroundings import PATIENCE, eventually


class Refusing:
    """A place that does not answer at first."""

    def __init__(self) -> None:
        self.purged: SimpleQueue[tuple[str, int, datetime, bool]] = SimpleQueue()
        self._refusals = 2

    def purge(self, user: str, epoch: int, at: datetime, *, again: bool = False) -> None:
        """Refuse twice, and then not."""
        self.purged.put((user, epoch, at, again))
        self._refusals -= 1
        if self._refusals >= 0:
            raise BackupError("it does not answer")


def test_a_purge_that_the_place_refused_is_tried_again(tmp_path: Path) -> None:
    """About the same data and the same moment, and told so: what came after them stays."""
    place, at = Refusing(), datetime.now(UTC)
    asked = (directory_name("alice"), 3, at)
    with opened(tmp_path / "dbs") as house:
        there, none = cast("Place", place), cast("Replicas", None)
        owner = Replicator.start(house.services, none, there, there)
        owner.tell(UserPurged(user_id="alice", epoch=3, at=at))
        for again in (False, True):
            assert place.purged.get(timeout=PATIENCE) == (*asked, again)
            eventually(lambda: PURGE_AGAIN in house.clock.due(), "it is to be tried again")
            house.clock.advance(PURGE_AGAIN)
        assert place.purged.get(timeout=PATIENCE) == (*asked, True)
        owner.stop()
        assert PURGE_AGAIN not in house.clock.due()
