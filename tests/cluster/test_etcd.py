"""What hosts agree on, agreed by a real etcd."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Change, Doubt, Ending, Lost, NameTaken
from actors.cluster.directory import State
from actors.cluster.etcd import STRANGER, Etcd
from actors.cluster.gateway import Committed, Unreachable, encoded
from actors.cluster.places import Places
from bus.errors import Unavailable
from bus.labels import label_of
from tests.cluster.hosts import entry, joined, place
from tests.house.surroundings import PATIENCE, eventually

CLAIMANTS = 16


def test_of_many_claimants_one_wins(agreed: Etcd) -> None:
    """Sixteen hosts claim each of ten users at once: each user has one owner."""
    members = [joined(agreed, f"h{n}") for n in range(CLAIMANTS)]
    with ThreadPoolExecutor(CLAIMANTS) as pool:
        for user in (f"user-{n}" for n in range(10)):
            claims = [
                pool.submit(agreed.swap, user, None, place(member), member) for member in members
            ]
            won = [
                member.host
                for member, claim in zip(members, claims, strict=True)
                if claim.result() is not None
            ]
            found = agreed.read(user)
            assert found is not None
            assert [found.place.host] == won


def test_a_hashed_label_leads_to_its_user(agreed: Etcd) -> None:
    """Whether its place was read with all the others, or heard of alone."""
    member = joined(agreed)
    first, second = ("A" * 40, "B" * 40)
    atlas = Atlas("h1", agreed, grace=0.0)
    agreed.swap(first, None, place(member), member)
    atlas.know(agreed.view())
    agreed.swap(second, None, place(member), member)
    atlas.read(second)
    assert [atlas.labelled(label_of(user)) for user in (first, second)] == [first, second]
    assert atlas.labelled(label_of("C" * 40)) is None


def test_what_was_read_long_ago_claims_nothing(agreed: Etcd) -> None:
    """A claim on a place that has changed since is refused."""
    first, second = joined(agreed, "h1"), joined(agreed, "h2")
    old = agreed.swap("alice", None, place(first), first)
    assert old is not None
    new = agreed.swap("alice", old, place(first, state=State.STOPPED), first)
    assert agreed.swap("alice", old, place(second, 2), second) is None
    assert agreed.read("alice") == new


def test_a_former_membership_claims_nothing(agreed: Etcd) -> None:
    """Whoever joined again can do nothing under what it was before."""
    before = joined(agreed)
    after = joined(agreed)
    assert after.incarnation > before.incarnation
    assert agreed.swap("alice", None, place(before), before) is None
    with pytest.raises(Lost):
        agreed.renew(before)
    agreed.renew(after)


def test_nobody_is_robbed_who_is_there(agreed: Etcd) -> None:
    """A claim on the ground that a host is gone fails while it is not."""
    owner, thief = joined(agreed, "h1"), joined(agreed, "h2")
    seen = agreed.swap("alice", None, place(owner), owner)
    assert agreed.swap("alice", seen, place(thief, 2), thief, gone="h1") is None
    agreed.leave(owner)
    assert agreed.swap("alice", seen, place(thief, 2), thief, gone="h1") is not None


def test_a_claim_whose_answer_was_lost_is_known(agreed: Etcd) -> None:
    """The same claim once more finds that it had been carried out."""
    member = joined(agreed)
    assert agreed.swap("alice", None, place(member), member) is not None
    assert agreed.swap("alice", None, place(member), member) == agreed.read("alice")


def test_two_places_change_as_one(agreed: Etcd) -> None:
    """Or neither does, where one of them has changed since it was seen."""
    member = joined(agreed)
    old = agreed.swap("alice", None, place(member), member)
    assert old is not None
    newer = agreed.swap("alice", old, place(member, state=State.STOPPED), member)
    assert newer is not None
    gone = place(member, state=State.PURGED)
    for seen, comes in ((old, False), (newer, True)):
        ending = Ending(user_id="alice", seen=seen, place=gone)
        told = agreed.swap("bob", None, place(member), member, also=ending)
        assert (told is not None, agreed.read("bob") is not None) == (comes, comes)
        found = agreed.read("alice")
        assert found is not None
        assert (found.place == gone) is comes


def test_a_name_belongs_to_one_directory(agreed: Etcd) -> None:
    """A second machine by mistake of the same name does not end the first one's membership."""
    first = joined(agreed, "h1", home="one")
    with pytest.raises(NameTaken):
        joined(agreed, "h1", home="other")
    agreed.renew(first)


def test_a_host_that_is_silent_is_gone(agreed: Etcd) -> None:
    """Its key ends with its lease, and it is told when it asks."""
    member = agreed.join("h1", entry("h1"), 1)
    eventually(lambda: "h1" not in agreed.view().hosts, "the lease has ended")
    with pytest.raises(Lost):
        agreed.renew(member)


def test_what_is_told_of_a_host_is_seen(agreed: Etcd) -> None:
    """A host may change what is known of it, and stays the same."""
    member = joined(agreed)
    agreed.tell(member, entry("h1", capacity=7))
    seen = agreed.view().hosts["h1"]
    assert (seen.host.capacity, seen.incarnation) == (7, member.incarnation)


def test_all_places_are_seen(agreed: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one page of them."""
    monkeypatch.setattr("actors.cluster.etcd.PAGE", 4)
    member = joined(agreed)
    users = {f"user-{n:02}" for n in range(9)}
    for user in users:
        agreed.swap(user, None, place(member), member)
    assert set(agreed.view().places) == users


def test_that_it_was_put_back_is_kept(agreed: Etcd) -> None:
    """Whoever reads everything finds when that was noticed; nobody hears of a change by it."""
    former = agreed.view().doubt
    assert former == Doubt()
    for until in (7, 5):
        noted = agreed.doubt(until, former)
        assert noted == agreed.view().doubt
        assert noted is not None
        assert noted.until == until
        assert agreed.doubt(9, former) is None, "somebody was faster"
        former = noted
    assert agreed.view().hosts == {}
    assert agreed.view().places == {}
    assert joined(agreed).incarnation > former.revision


def test_what_a_newer_release_writes_blinds_nobody(agreed: Etcd) -> None:
    """A state, a place and a host that are not understood are left alone; all else is seen."""
    member = joined(agreed)
    for user in ("alice", "bob", "carol"):
        agreed.swap(user, None, place(member), member)
    joined(agreed, "h2")
    _write(
        agreed, "users/alice", b'{"host":"h2","incarnation":9,"epoch":2,"state":"orbiting","z":1}'
    )
    _write(agreed, "users/bob", b'["h2",9,2]')
    _write(agreed, "hosts/h2", b'{"buses":[1,2]}')
    view = agreed.view()
    states = {user: seen.place.state for user, seen in view.places.items()}
    assert states == {
        "alice": State.UNKNOWN,
        "bob": State.UNKNOWN,
        "carol": State.RESTORING,
    }
    assert view.places["alice"].place.host == "h2"
    assert (view.hosts["h2"].host, set(view.hosts)) == (STRANGER, {"h1", "h2"})
    places = Places(agreed, Atlas("h1", agreed, grace=1.0), lambda: member)
    for user in ("alice", "bob"):
        with pytest.raises(Unavailable, match="newer release"):
            places.read(user)


def _write(agreed: Etcd, key: str, value: bytes) -> None:
    put = {"key": encoded(f"{agreed._prefix}{key}"), "value": encoded(value)}
    agreed._call("kv/put", put, Committed)


def test_changes_are_heard(agreed: Etcd) -> None:
    """A watch tells of what came after the revision that was seen, in its order."""
    member, heard = joined(agreed), SimpleQueue[Change]()
    revision = agreed.view().revision

    def watch() -> None:
        with pytest.raises(Unreachable):
            agreed.watch(revision, heard.put, 2 * PATIENCE)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seen = agreed.swap("alice", None, place(member), member)
    agreed.leave(member)
    first, second = (heard.get(timeout=PATIENCE) for _ in range(2))
    assert (first.name, first.seen) == ("alice", seen)
    assert (second.name, second.seen) == ("h1", None)
    agreed.close()
    watcher.join(PATIENCE)
    assert not watcher.is_alive()
