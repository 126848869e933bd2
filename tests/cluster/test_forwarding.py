"""Every request is answered by whom it is for, on whichever host it was asked."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from actors.cluster.rendezvous import choose
from actors.cluster.ways import Ways
from actors.door.routes import Route
from bus.answers import ClusterAnswer, ErrorAnswer, InstanceAnswer
from bus.errors import Conflict, Unavailable
from bus.events import HostConnected, StatusChanged
from bus.peers.line import Patience
from bus.requests import (
    UPLOAD_PIECE,
    CloneInstance,
    FindBackup,
    GetCluster,
    GetInstance,
    ImportInstance,
    InitInstance,
    PutUpload,
    ReadBackup,
    StopInstance,
    UserRequest,
)
from bus.states import Status
from tests.bus.parts import NOW, PATIENCE, changed
from tests.cluster.hosts import entry
from tests.cluster.stations import Agreement, Cluster, PaperDirectory, cluster


@pytest.fixture
def three() -> Iterator[Cluster]:
    with cluster("h1", "h2", "h3") as opened:
        yield opened


def _host(cluster: Cluster, at: str, user_id: str) -> object:
    answer = cluster[at].answer(GetInstance(user_id=user_id))
    assert isinstance(answer, InstanceAnswer), answer
    assert answer.instance is not None
    return answer.instance.host


def test_the_owner_answers_wherever_it_is_asked(three: Cluster) -> None:
    """Also about what it alone knows, and nobody else is bothered."""
    three.give("alice", "h2")
    assert [_host(three, at, "alice") for at in ("h1", "h2", "h3")] == ["h2"] * 3
    assert [three[name].about("alice") for name in ("h1", "h3")] == [[], []]
    assert three["h1"].directory.reads == 0


def test_a_new_user_goes_to_the_same_host_from_everywhere(three: Cluster) -> None:
    """To the one that the hosts' weights name; it is for that one to claim the user."""
    chosen = choose("newcomer", {"h1": 100, "h2": 100, "h3": 100})
    for name in ("h1", "h2", "h3"):
        three[name].answer(InitInstance(user_id="newcomer"))
    assert {name: len(three[name].about("newcomer")) for name in three.stations} == {
        name: 3 if name == chosen else 0 for name in three.stations
    }


def test_a_user_that_has_moved_is_found(three: Cluster) -> None:
    """The former owner says so, the agreement is looked at, and the new one answers."""
    three.give("alice", "h2")
    three.give("alice", "h3", known=False)
    three["h2"].directory.look()
    assert _host(three, "h1", "alice") == "h3"
    assert three["h2"].about("alice") == []
    assert three["h1"].directory.reads == 1


def test_a_user_that_has_come_here_is_served_here(three: Cluster) -> None:
    """Though this host has not heard of it yet."""
    three.give("alice", "h2")
    three.give("alice", "h1")
    three["h3"].answer(GetInstance(user_id="alice"))
    three.give("alice", "h2")
    three.give("alice", "h1", known=False)
    three["h2"].directory.look()
    assert _host(three, "h2", "alice") == "h1"


def test_a_new_owner_that_has_not_heard_looks_first(three: Cluster) -> None:
    """Whoever asks it knows more than it does: it looks before it says no."""
    three.give("alice", "h2")
    three.give("alice", "h3")
    three.agreed.places["alice"], newer = (
        three.agreed.places["alice"],
        three.agreed.places["alice"],
    )
    three.give("alice", "h3", known=False)
    for name in ("h1", "h2"):
        three[name].directory.look()
    three["h3"].directory._places["alice"] = newer
    assert _host(three, "h1", "alice") == "h3"
    assert three["h3"].directory.reads == 1


def test_a_user_on_the_way_is_to_be_asked_for_again(three: Cluster) -> None:
    """When it has moved once more meanwhile, the caller is told when to come again."""
    three.give("alice", "h2")
    three.give("alice", "h3", known=False)
    three["h2"].directory.look()
    three["h3"].directory._places.clear()
    three["h3"].directory.broken = Unavailable("etcd does not answer", retry_after=3)
    answer = three["h1"].answer(StopInstance(user_id="alice"))
    assert isinstance(answer, ErrorAnswer)
    assert answer.code == "unavailable"
    assert answer.retry_after is not None


def test_a_dead_host_is_named_and_not_waited_for() -> None:
    """Its users' callers are told at once; the others notice nothing."""
    with cluster("h1", "h2", "h3", patience=Patience(silent=0.8, taken=60.0)) as hosts:
        for user_id, host in (("alice", "h2"), ("bob", "h3")):
            hosts.give(user_id, host)
        assert _host(hosts, "h1", "alice") == "h2"
        hosts["h2"].peers.close()
        answer = hosts["h1"].answer(StopInstance(user_id="alice"))
        assert isinstance(answer, ErrorAnswer)
        assert (answer.code, answer.retry_after) == ("unavailable", 5.0)
        assert "host h2" in answer.message
        assert _host(hosts, "h1", "bob") == "h3"
        heir = choose("alice", {"h1": 100, "h3": 100})
        hosts.lose("h2")
        hosts["h1"].answer(StopInstance(user_id="alice"))
        assert heir is not None
        assert [*map(type, hosts[heir].about("alice"))] == [StopInstance], "it takes over"


def test_without_an_agreement_the_caller_is_told(three: Cluster) -> None:
    """What etcd does not answer is no reason to guess."""
    three.give("alice", "h2")
    three.give("alice", "h3", known=False)
    three["h2"].directory.look()
    three["h1"].directory.broken = Unavailable("etcd does not answer", retry_after=3)
    answer = three["h1"].answer(GetInstance(user_id="alice"))
    assert answer == ErrorAnswer(code="unavailable", message="etcd does not answer", retry_after=3)


def test_users_of_two_hosts_are_not_brought_together(three: Cluster) -> None:
    """A clone is made where the original is."""
    three.give("alice", "h2")
    three.give("bob", "h3")
    answer = three["h1"].answer(CloneInstance(user_id="alice", to="bob"))
    assert isinstance(answer, ErrorAnswer)
    assert answer.code == Conflict.code
    assert "bob is on host h3" in answer.message
    assert isinstance(three["h1"].answer(CloneInstance(user_id="alice", to="cid")), InstanceAnswer)


def test_files_are_read_and_written_on_the_host_that_has_the_user(three: Cluster) -> None:
    """A path means nothing on another host: pieces of the files go over the bus."""
    three.give("alice", "h2")
    requests: list[UserRequest] = [
        FindBackup(user_id="alice", backup="b1"),
        ReadBackup(user_id="alice", backup="b1", offset=0),
        PutUpload(user_id="alice", upload="it", offset=0, piece=bytes(UPLOAD_PIECE)),
        ImportInstance(user_id="alice", upload="it"),
    ]
    for request in requests:
        three["h1"].answer(request)
    assert three["h2"].about("alice") == requests
    assert three["h1"].about("alice") == []


def test_one_bus_tells_what_happens_on_all_hosts(three: Cluster) -> None:
    """Each event says where it happened; nobody hears the same thing twice."""
    for _ in range(2):
        three["h1"].until(HostConnected)
    three["h2"].exchange.announce(changed("alice"))
    event = three["h1"].until(StatusChanged)
    assert isinstance(event, StatusChanged)
    assert (event.user_id, event.host) == ("alice", "h2")
    assert event.origin
    three["h1"].exchange.announce(changed("bob"))
    event = three["h1"].until(StatusChanged)
    assert (event.host, event.at) == ("h1", NOW)
    assert not event.origin
    assert three["h2"].until(StatusChanged).host == "h2"
    assert three["h2"].until(StatusChanged).host == "h1"


def test_the_door_is_told_where_others_answer(three: Cluster) -> None:
    """Of users on other hosts that are there, and of nobody else."""
    three.give("alice", "h2")
    three.give("bob", "h1")
    place = msgspec.structs.replace(three.agreed.places["alice"], address="10.0.0.2:9001")
    three.agreed.places["alice"] = place
    three.agreed.places["bob"] = msgspec.structs.replace(place, host="h1")
    three.look()
    assert _led(three) == {"alice": Route(9001, "10.0.0.2")}
    for _ in range(2):
        three["h1"].until(HostConnected)
    three["h2"].exchange.announce(changed("alice", Status.STOPPING))
    three["h1"].until(StatusChanged)
    assert _led(three) == {}, "it is told before it is agreed"
    three["h2"].exchange.announce(changed("alice", Status.RUNNING))
    three["h1"].until(StatusChanged)
    assert _led(three) == {"alice": Route(9001, "10.0.0.2")}
    three.lose("h2")
    assert _led(three) == {}


def test_a_door_knows_where_instances_may_be() -> None:
    """At the ports of the hosts that are there; of an older release, which tells none, at ours."""
    bounds: list[object] = []
    agreed = Agreement()
    directory = PaperDirectory("h1", agreed)
    ways = Ways(directory, lambda routes: None, bounds.append)
    for name, address, ports in (
        ("h1", "10.0.0.1", (9000, 9099)),
        ("h2", "10.0.0.2", (9500, 9599)),
        ("h3", "[fd00::3]", (0, 0)),
        ("h4", "10.0.0.2", (9600, 9699)),
    ):
        told = msgspec.structs.replace(entry(), bus=f"tcp://{address}:7001")
        first, last = ports
        agreed.hosts[name] = msgspec.structs.replace(told, first_port=first, last_port=last)
    directory.look()
    ways.follow()
    known = {"10.0.0.1": (9000, 9099), "10.0.0.2": (9500, 9699), "fd00::3": (9000, 9099)}
    assert bounds[-1] == known
    del agreed.hosts["h4"], agreed.hosts["h3"]
    directory.look()
    ways.follow()
    assert bounds[-1] == {"10.0.0.1": (9000, 9099), "10.0.0.2": (9500, 9599)}


def _led(cluster: Cluster) -> object:
    led = cluster["h1"].led
    return [led.get(timeout=PATIENCE) for _ in range(led.qsize())][-1]


def test_the_hosts_are_told(three: Cluster) -> None:
    """Who is there, who is heard, who has how many users, and whose host was lost."""
    for user_id, host in (("alice", "h2"), ("bob", "h2"), ("cid", "h3")):
        three.give(user_id, host)
    three.lose("h3")
    three["h1"].until(HostConnected)
    answer = three["h1"].answer(GetCluster())
    assert isinstance(answer, ClusterAnswer)
    told = {name: (host.member, host.users) for name, host in answer.hosts.items()}
    assert told == {"h1": (True, 0), "h2": (True, 2), "h3": (False, 1)}
    assert not answer.hosts["h3"].heard
    assert answer.warnings == ["etcd is old"]
