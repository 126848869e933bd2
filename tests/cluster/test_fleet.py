"""What is asked of all hosts at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.cluster.merging import merge_health, merge_instances
from api.cli.listing import fenced
from bus.answers import HealthAnswer, InstancesAnswer
from bus.requests import GetHealth, ListInstances
from tests.bus.parts import NOW, instance
from tests.cluster.stations import Cluster, Station, cluster


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    with cluster("h1", "h2", "h3") as opened:
        for number, user_id in enumerate(["ann", "bob", "cid", "dan", "eve", "fay", "gus"]):
            opened.give(user_id, f"h{number % 3 + 1}")
        yield opened


def _list(station: Station, limit: int = 1_000, after: str = "") -> InstancesAnswer:
    answer = station.answer(ListInstances(limit=limit, after=after))
    assert isinstance(answer, InstancesAnswer), answer
    return answer


@pytest.mark.parametrize("name", ["h1", "h2", "h3"])
def test_all_hosts_are_listed_on_each(three: Cluster, name: str) -> None:
    """In the order of the user ids, with the host of each."""
    listed = _list(three[name])
    assert [*listed.instances] == ["ann", "bob", "cid", "dan", "eve", "fay", "gus"]
    assert (listed.total, listed.next, listed.unreachable_hosts) == (7, None, [])
    assert listed.instances["bob"].host == "h2"


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_have_everybody_once(three: Cluster, limit: int) -> None:
    """Also where the hosts' own pages end at different users."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = _list(three["h1"], limit, after)
        assert len(page.instances) <= limit
        found += page.instances
        after = page.next
    assert found == ["ann", "bob", "cid", "dan", "eve", "fay", "gus"]


def test_a_former_owner_does_not_count() -> None:
    """A user that two hosts tell of is told once, as its owner has it."""
    old, new = instance("ann"), instance("ann")
    pages = {
        "h1": InstancesAnswer(instances={"ann": old}, total=1, next=None),
        "h2": InstancesAnswer(instances={"ann": new}, total=1, next=None),
    }
    merged = merge_instances(pages, [], limit=10, owns=lambda user, host: host == "h2")
    assert merged.instances["ann"] is new


def test_a_page_without_owned_users_still_leads_on() -> None:
    """When all that a host tells of has moved away, the next page follows."""
    pages = {"h1": InstancesAnswer(instances={"ann": instance("ann")}, total=2, next="ann")}
    merged = merge_instances(pages, [], limit=1, owns=lambda user, host: user != "ann")
    assert (merged.instances, merged.next) == ({}, "ann")


def test_the_health_of_all_hosts_is_told(three: Cluster) -> None:
    """All together, and each by itself."""
    answer = three["h1"].answer(GetHealth())
    assert isinstance(answer, HealthAnswer)
    assert answer.hosts
    counts = {name: each.total_instances for name, each in answer.hosts.items()}
    assert (answer.total_instances, counts) == (7, {"h1": 3, "h2": 2, "h3": 2})


def test_a_host_that_runs_nobody_is_told() -> None:
    """By each host's own word; to a person who lists the instances, too."""
    answers = {
        host: HealthAnswer(total_instances=1, running_instances=0, at=NOW, fenced=why)
        for host, why in (("h1", None), ("h2", "etcd is away"))
    }
    health = merge_health("h1", answers, [])
    assert health.hosts
    assert (health.fenced, health.hosts["h2"].fenced) == (None, "etcd is away")
    assert list(fenced(health)) == ["host h2 runs nobody now: etcd is away"]


def test_a_probe_asks_about_this_host_alone(three: Cluster) -> None:
    """Whether this host can serve does not depend on the others."""
    answer = three["h1"].answer(GetHealth(write=True))
    assert isinstance(answer, HealthAnswer)
    assert answer.total_instances == 3
    assert not answer.hosts


def test_a_host_that_does_not_answer_is_named() -> None:
    """It costs a second at most."""
    with cluster("h1", "h2", "h3") as hosts:
        for user_id, host in (("ann", "h1"), ("bob", "h2"), ("cid", "h3")):
            hosts.give(user_id, host)
        assert _list(hosts["h1"]).unreachable_hosts == []
        hosts["h2"].peers.close()
        listed = _list(hosts["h1"])
        assert [*listed.instances] == ["ann", "cid"]
        assert listed.unreachable_hosts == ["h2"]
        hosts.lose("h2")
        assert _list(hosts["h1"]).unreachable_hosts == ["h2"], "it has users still"
