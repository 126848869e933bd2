"""Lookout: which epochs of a user there have been, whatever etcd knows of them.

An etcd that was put back to a copy knows older epochs than there were. But whoever had a user since
then has its own epoch on record, and in the replica before anything was acknowledged under it. So
whoever makes or claims a place looks there first. No epoch is used twice, and none is restored that
is older than the last.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from actors.clock import boottime
from actors.cluster.atlas import Atlas
from actors.cluster.coordination import SeenPlace
from actors.cluster.directory import Place
from actors.cluster.placing import caught_up
from actors.records import Record
from actors.replication.generation import epoch_of
from actors.replication.replicas import Replicas
from bus.errors import BackupError, Conflict, Unavailable

WAIT = 30.0
"""Seconds in which a host may come that has newer data than the replica: it may be starting."""
HANG = 1.0
"""Seconds after which a look that fails has found a place that hangs, and not one that refuses."""
SILENCE = 10.0
"""Seconds in which such a place is not asked again, while one look finds out how it is then."""
RETRY = 5
"""Seconds after which it is worth another try."""

log = logging.getLogger(__name__)


def check_known(seen: SeenPlace | None, record: Record) -> None:
    """Raise :class:`Conflict` when etcd has forgotten somebody who was claimed from it.

    It never does: a purge leaves a place. So this is another etcd, or a copy of before.
    """
    if seen is None or seen.place.epoch < record.epoch:
        why = (
            f"etcd knows nothing of {record.user_id}, whose data are on this host: restore etcd's"
            " copy, or set PB_CLUSTER_NAME to what it was. The data are kept as they are"
        )
        log.error(why)
        raise Conflict(why)


class Lookout:
    """Used from threads that may wait."""

    def __init__(
        self, replicas: Replicas, atlas: Atlas, now: Callable[[], float] = boottime
    ) -> None:
        self._replicas = replicas
        self._atlas = atlas
        self._now = now
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._waiting: dict[str, tuple[int, float]] = {}
        """Since when it is waited for whoever has somebody in an epoch."""

    def caught_up(self, user_id: str, place: Place, told: int, *, sure: bool) -> Place:
        """Return the place of somebody who is to be claimed, as it would be without the copy.

        ``told`` is the epoch of the data that lie here, and were told to the hosts; 0: there are
        none. Not ``sure``: who has the newest data here goes on where the replica is silent. Raises
        :class:`Unavailable`: it is silent, or another host has newer data than the replica.
        """
        sure = sure or told > place.epoch or self._atlas.is_doubtful(place)
        last = self._last(user_id, place.created_at, sure=sure)
        if max(last, told) <= place.epoch:
            self._waiting.pop(user_id, None)
            return place
        self._check_unchanged(user_id, place)
        if not self._atlas.is_doubtful(place):
            self._atlas.suspect(user_id)
        if last > told:
            self._wait(user_id, last)
        why = "%s: etcd, which was put back to a copy, knows epoch %d; the last was %d"
        log.error(why, user_id, place.epoch, max(last, told))
        durable = last if last > place.epoch else place.durable
        return caught_up(place, max(last, told), durable=durable)

    def is_undone(self, user_id: str, place: Place, told: int) -> bool:
        """Whether it was here, in the epoch ``told``, after it was where the place says.

        Raises :class:`Conflict` unless the owner by the copy has joined anew, and not claimed it
        since: it may run there.
        """
        twice = told == place.epoch and place.host != ""
        if told <= place.epoch and not twice:
            return False
        self._atlas.look()
        is_there = self._atlas.incarnation(place.host) not in (None, place.incarnation)
        if place.host != "" and (twice or not is_there):
            raise Conflict(
                f"etcd was put back to a copy, and {user_id} is on {place.host} since: the data on"
                f" this host, of epoch {told}, may be newer, and are kept as they are"
            )
        return True

    def first_free(self, user_id: str, epoch: int, record: Record | None) -> int:
        """Return the epoch that somebody begins with who is not known: that one, or a later one.

        ``record`` is that of data which lie here and were never told. Raises :class:`Conflict` for
        somebody whom etcd has forgotten, and :class:`Unavailable`. No manager need have seen that
        etcd was put back: a purge leaves a place, and nobody writes under an epoch above its own.
        """
        last = self._last(user_id, None, sure=record is None)
        if last < epoch or (record is not None and last == record.epoch):
            return epoch
        if record is None:
            raise Conflict(
                f"etcd knows nothing of {user_id}, but there is a replica: it may have been put"
                " back to a copy. If nobody is to have that any more, remove it to begin anew"
            )
        return last + 1

    def _last(self, user_id: str, since: datetime | None, *, sure: bool) -> int:
        """Return the last epoch that has a replica; what began before ``since`` was another's."""
        try:
            found = self._generations(user_id)
        except BackupError as error:
            if sure:
                raise Unavailable(error.message, retry_after=RETRY) from error
            log.warning("%s: claimed without a look: %s", user_id, error.message)
            return 0
        counting = (name for name, at in found.items() if since is None or at >= since)
        return max(map(epoch_of, counting), default=0)

    def _check_unchanged(self, user_id: str, place: Place) -> None:
        """Raise :class:`Unavailable` when it was claimed since: the place may be of minutes ago.

        Nobody writes under an epoch that is not in etcd yet. So what is read after the look tells
        whether etcd has forgotten what was found there.
        """
        now = self._atlas.read(user_id)
        if now is None or (now.epoch, now.incarnation) != (place.epoch, place.incarnation):
            raise Unavailable(f"The place of {user_id} has changed meanwhile", retry_after=1)

    def _generations(self, user_id: str) -> dict[str, datetime]:
        """Look; while the place hangs, one looks at a time, and the others hear that at once."""
        began = self._now()
        with self._lock:
            if began < self._silent_until:
                raise BackupError("The place of replicas does not answer")
            if self._silent_until:
                self._silent_until = began + SILENCE
        try:
            found = self._replicas.generations(user_id)
        except BackupError:
            now = self._now()
            if now > began + HANG:
                self._silent_until = now + SILENCE
            raise
        self._silent_until = 0.0
        return found

    def _wait(self, user_id: str, last: int) -> None:
        now = self._now()
        awaited, since = self._waiting.get(user_id, (last, now))
        if awaited != last:  # etcd was put back once more
            since = now
        self._waiting[user_id] = last, since
        if now < since + WAIT:
            raise Unavailable(
                f"etcd was put back to a copy: the host that had {user_id} since, up to epoch"
                f" {last}, may come back with it",
                retry_after=1,
            )
