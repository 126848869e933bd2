"""Etcd: coordination by etcd.

::

    /pblm/<cluster>/hosts/<host>   with the host's lease; its create_revision: the incarnation
    /pblm/<cluster>/users/<user>   without a lease
    /pblm/<cluster>:kept/<user>    what goes with the user: nobody watches it, or reads all of it
    /pblm/<cluster>:doubt          at which revision it was noticed that etcd was put back
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from actors.cluster import gateway, releases
from actors.cluster.coordination import (
    Change,
    Compacted,
    Doubt,
    Ending,
    Lost,
    Membership,
    NameTaken,
    Presence,
    SeenHost,
    SeenKept,
    SeenPlace,
    View,
)
from actors.cluster.directory import Host, Kept, Place, State
from actors.cluster.gateway import Committed, Gateway, KeyValue, Range, Unreachable, encoded
from bus.settings import Settings

PATIENCE = 5.0
"""Seconds that a member may take for an answer; longer than an election of etcd's takes (1 s)."""
GLANCE = 1.0
"""Seconds that a member may take to say how it is."""
PAGE = 5_000
"""Places that are read at a time: an answer of about 2 MiB."""

Json = dict[str, Any]
T = TypeVar("T")

STRANGER = Host(bus="", events="", http="", curve="", capacity=1, version="unknown", draining=True)
"""A host of a release that tells of itself otherwise: it is there, and not spoken to."""
NOWHERE = Place(host="", incarnation=0, epoch=0, state=State.UNKNOWN, wanted=False)
"""A place of such a release: nobody of this one touches it."""

log = logging.getLogger(__name__)


class Etcd:
    """Any thread may use it."""

    def __init__(self, settings: Settings) -> None:
        self._gateway = Gateway(settings)
        self._prefix = f"/pblm/{settings.cluster_name}/"
        self._doubt = f"/pblm/{settings.cluster_name}:doubt"
        self._step = settings.cluster_ttl / 10
        """How long one member may take for half a renewal: all of three are tried in time."""

    def join(self, name: str, entry: Host, ttl: int) -> Membership:
        """See :class:`Coordination`."""
        key = self._host(name)
        lease = self._call("lease/grant", {"TTL": str(ttl)}, gateway.Granted).ID
        self._end_former(key, entry)
        put = {"key": encoded(key), "value": _json(entry), "lease": str(lease)}
        self._transact([_created(key, 0)], [{"request_put": put}])
        # Whether or not the answer was lost on the way: it is there with our lease, or it is not.
        found = self._get(key)
        if found is None or found.lease != lease:
            raise NameTaken(f"another host is called {name}")
        return Membership(host=name, incarnation=found.create_revision, lease=lease)

    def renew(self, member: Membership) -> None:
        """Prolong the lease and read our key, through one and the same member.

        The answer to the first alone comes from whoever believes to lead: one whose disk hangs
        goes on believing (etcd issue 15247). The second takes most of the members, and whoever is
        in touch with them knows what has become of the lease.
        """
        key, problems = self._host(member.host), []
        for each in self._gateway.members:
            try:
                left = gateway.keep_alive(each, member.lease, self._step)
                answer = each.call("kv/range", {"key": encoded(key)}, Range, self._step)
            except Unreachable as error:
                problems.append(str(error))
                continue
            self._gateway.prefer(each)
            if left <= 0 or not _is(answer.kvs, member):
                raise Lost(f"{member.host} is not there any more")
            return
        raise Unreachable("; ".join(problems))

    def tell(self, member: Membership, entry: Host) -> None:
        """See :class:`Coordination`."""
        key = self._host(member.host)
        put = {"key": encoded(key), "value": _json(entry), "lease": str(member.lease)}
        if not self._transact([_created(key, member.incarnation)], [{"request_put": put}]):
            raise Lost(f"{member.host} is not there any more")

    def leave(self, member: Membership) -> None:
        """See :class:`Coordination`."""
        key = self._host(member.host)
        self._transact([_created(key, member.incarnation)], [_deletion(key)])
        self._call("lease/revoke", {"ID": str(member.lease)}, gateway.Committed)

    def hosts(self) -> Presence:
        """See :class:`Coordination`."""
        found = self._call("kv/range", _under(f"{self._prefix}hosts/"), Range)
        return Presence(
            found.header.revision, {_last(each): _seen_host(each) for each in found.kvs}
        )

    def view(self) -> View:
        """Read everything at one revision: that at which the hosts were read."""
        present = self.hosts()
        revision = present.revision
        places: dict[str, SeenPlace] = {}
        skip = len(f"{self._prefix}users/")
        since = f"{self._prefix}users/"
        while True:
            query = _under(f"{self._prefix}users/") | {
                "key": encoded(since),
                "limit": str(PAGE),
                "revision": str(revision),
            }
            page = self._call("kv/range", query, Range).kvs
            places |= {each.name[skip:]: _seen(each) for each in page}
            if len(page) < PAGE:
                break
            since = page[-1].name + "\0"
        return View(revision, present.hosts, places, _doubt(self._get(self._doubt)))

    def doubt(self, until: int, former: Doubt) -> Doubt | None:
        """See :class:`Coordination`."""
        put = {"key": encoded(self._doubt), "value": encoded(str(until))}
        unchanged = _modified(self._doubt, former.revision)
        answer = self._call("kv/txn", _txn([unchanged], [{"request_put": put}]), Committed)
        return Doubt(until, answer.header.revision) if answer.succeeded else None

    def read(self, user_id: str) -> SeenPlace | None:
        """See :class:`Coordination`."""
        found = self._get(self._user(user_id))
        return None if found is None else _seen(found)

    def swap(
        self,
        user_id: str,
        seen: SeenPlace | None,
        new: Place,
        member: Membership,
        *,
        gone: str | None = None,
        also: Ending | None = None,
    ) -> SeenPlace | None:
        """One transaction. When its answer is lost, what is there tells: no two write the same."""
        key = self._user(user_id)
        conditions = [
            _modified(key, 0 if seen is None else seen.revision),
            _created(self._host(member.host), member.incarnation),
        ]
        if gone is not None:
            conditions.append(_created(self._host(gone), 0))
        steps = self._written(user_id, new)
        if also is not None:
            conditions.append(_modified(self._user(also.user_id), also.seen.revision))
            steps += self._written(also.user_id, also.place)
        answer = self._call("kv/txn", _txn(conditions, steps), Committed)
        if answer.succeeded:
            return SeenPlace(new, answer.header.revision)
        found = self.read(user_id)
        # A former try of the very same call was carried out, and its answer lost.
        return found if found is not None and found.place == new and found != seen else None

    def _written(self, user_id: str, place: Place) -> list[Json]:
        """Return the steps after which the place is so."""
        steps = [_put(self._user(user_id), place)]
        if place.state is State.PURGED:
            steps.append(_deletion(self._kept(user_id)))
        return steps

    def kept(self, user_id: str) -> SeenKept | None:
        """See :class:`Coordination`."""
        found = self._get(self._kept(user_id))
        if found is None:
            return None
        return SeenKept(msgspec.json.decode(found.content, type=Kept), found.mod_revision)

    def keep(
        self,
        user_id: str,
        new: Kept,
        former: SeenKept | None,
        seen: SeenPlace,
        member: Membership,
    ) -> bool:
        """See :class:`Coordination`. False as well when it has come true and nobody said so."""
        key = self._kept(user_id)
        conditions = [
            _modified(key, 0 if former is None else former.revision),
            _modified(self._user(user_id), seen.revision),
            _created(self._host(member.host), member.incarnation),
        ]
        return self._transact(conditions, [_put(key, new)])

    def watch(self, revision: int, changed: Callable[[Change], None], silence: float) -> None:
        """See :class:`Coordination`."""
        create = _under(self._prefix) | {"start_revision": str(revision + 1)}
        member = self._gateway.members[0]
        try:
            for told in member.stream("watch", {"create_request": create}, silence):
                if told.canceled:
                    raise Compacted("what the watch begins with is compacted")
                for change in map(self._change, told.events):
                    if change is not None:
                        changed(change)
        except Unreachable:
            self._check_in_touch(member)  # it may be silent because nobody tells it anything
            raise

    def _check_in_touch(self, member: gateway.Member) -> None:
        """Ask it last from now on, unless it answers what takes most of the members."""
        try:
            member.call("kv/range", {"key": encoded(self._prefix)}, Range, GLANCE)
        except Unreachable:
            self._gateway.avoid(member)

    def _change(self, event: gateway.Event) -> Change | None:
        """Return what it tells; None: nothing, as we remove no place and have no other keys."""
        key = event.kv
        kind, _, name = key.name.removeprefix(self._prefix).partition("/")
        gone = event.type == gateway.DELETE
        if kind not in ("hosts", "users") or (gone and kind == "users"):
            return None
        seen = None if gone else _seen(key) if kind == "users" else _seen_host(key)
        return Change(revision=key.mod_revision, name=name, seen=seen)

    def warnings(self) -> list[str]:
        """See :class:`Coordination`."""
        versions = self._gateway.versions(GLANCE)
        silent = sorted({each.url for each in self._gateway.members} - set(versions))
        told = [f"{url}, a member of etcd, does not answer" for url in silent]
        return [*told, *releases.warnings(versions)]

    def close(self) -> None:
        """See :class:`Coordination`."""
        self._gateway.close()

    def _end_former(self, key: str, entry: Host) -> None:
        found = self._get(key)
        if found is None:
            return
        if _entry(found).home != entry.home:
            raise NameTaken(f"another host is called {_last(found)}")
        self._transact([_created(key, found.create_revision)], [_deletion(key)])

    def _get(self, key: str) -> KeyValue | None:
        found = self._call("kv/range", {"key": encoded(key)}, Range).kvs
        return found[0] if found else None

    def _transact(self, conditions: list[Json], steps: list[Json]) -> bool:
        return self._call("kv/txn", _txn(conditions, steps), Committed).succeeded

    def _call(self, path: str, body: Json, answer: type[gateway.T]) -> gateway.T:
        return self._gateway.call(path, body, answer, PATIENCE)

    def _host(self, name: str) -> str:
        return f"{self._prefix}hosts/{name}"

    def _user(self, user_id: str) -> str:
        return f"{self._prefix}users/{user_id}"

    def _kept(self, user_id: str) -> str:
        return f"{self._prefix[:-1]}:kept/{user_id}"


def _txn(conditions: list[Json], steps: list[Json]) -> Json:
    return {"compare": conditions, "success": steps}


def _created(key: str, revision: int) -> Json:
    """Whether the key is the one that was made then; 0: is not there."""
    return {"key": encoded(key), "target": "CREATE", "create_revision": str(revision)}


def _modified(key: str, revision: int) -> Json:
    return {"key": encoded(key), "target": "MOD", "mod_revision": str(revision)}


def _put(key: str, value: msgspec.Struct) -> Json:
    return {"request_put": {"key": encoded(key), "value": _json(value)}}


def _deletion(key: str) -> Json:
    return {"request_delete_range": {"key": encoded(key)}}


def _under(prefix: str) -> Json:
    return {"key": encoded(prefix), "range_end": encoded(gateway.end_of(prefix))}


def _is(found: list[KeyValue], member: Membership) -> bool:
    return [each.create_revision for each in found] == [member.incarnation]


def _json(value: msgspec.Struct) -> str:
    return encoded(msgspec.json.encode(value))


def _last(key: KeyValue) -> str:
    return key.name.rpartition("/")[2]


def _entry(found: KeyValue) -> Host:
    """Return what a host tells of itself; of one that is not understood only that it is there."""
    return _understood(found, Host) or STRANGER


def _seen_host(found: KeyValue) -> SeenHost:
    return SeenHost(_entry(found), found.create_revision)


def _seen(found: KeyValue) -> SeenPlace:
    return SeenPlace(_understood(found, Place) or NOWHERE, found.mod_revision)


def _doubt(found: KeyValue | None) -> Doubt:
    """Return the note; of one that is not understood: whoever was claimed before is doubtful."""
    if found is None:
        return Doubt()
    return Doubt(_understood(found, int) or found.mod_revision, found.mod_revision)


def _understood(found: KeyValue, kind: type[T]) -> T | None:
    """Return the value; None: it is of a release that writes it otherwise."""
    try:
        return msgspec.json.decode(found.content, type=kind)
    except msgspec.DecodeError as error:
        log.error("%s is not understood here, and left alone: %s", found.name, error)
        return None
