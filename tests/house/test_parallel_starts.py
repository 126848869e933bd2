"""Many starts at once: one process per user, so many at a time, and nobody else has to wait."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
import requests

from bus.states import Status
from tests.house.caller import Json
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import eventually, servers_under

HANGING = 20
AS_FAST_AS_BEFORE = 0.1
"""Seconds; generous. A call that waits for a start takes as long as the start."""


@pytest.fixture(scope="module")
def hung() -> Iterator[Manager]:
    """Return a manager with a healthy user and twenty starts that hang."""
    settings = {"max_starting": HANGING + 1, "start_timeout": 300}
    with running_manager(misbehaving_children=True, **settings) as manager:
        manager.api.run("healthy")
        for number in range(HANGING):
            manager.api.init_pb(f"hangs.{number}", wait=0)
        eventually(lambda: len(servers_under(manager.root)) > HANGING, "twenty starts under way")
        yield manager


def median_time(call: Callable[[], object]) -> float:
    """Return the median of what some calls take, in seconds."""
    times = []
    for _ in range(30):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def most_at_once(spans: list[tuple[datetime, datetime]]) -> int:
    """Return how many of the spans overlap at most."""
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


def test_fifty_calls_for_one_user_start_one_process(manager: Manager) -> None:
    """Whoever calls ``init_pb`` while a start is under way joins it."""
    with manager.listen("ann") as listener, ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda _: manager.api.run("ann"), range(50)))
        manager.api.stop("ann")
        heard = listener.until_status(Status.STOPPED)

    assert len({answer["pid"] for answer in answers}) == 1
    assert [change.status for change in heard].count(Status.STARTING) == 1


def test_so_many_start_at_a_time() -> None:
    """With PB_MAX_STARTING=2 there are never three processes that are not ready yet."""
    users = [f"user{number}" for number in range(12)]
    with running_manager(max_starting=2) as manager:
        with manager.listen() as listener, ThreadPoolExecutor(12) as callers:
            list(callers.map(manager.api.run, users))
            heard = [change for _ in users for change in listener.until_status(Status.RUNNING)]
        ready = [change for change in heard if change.status is Status.RUNNING]
        spans = [(one.instance.started_at, one.at) for one in ready if one.instance.started_at]

        assert {change.user_id for change in ready} == set(users)
        assert len(spans) == len(users)
        assert most_at_once(spans) <= 2
        assert len(servers_under(manager.root)) == len(users)


def test_a_start_that_hangs_does_not_hold_the_queue_for_ever() -> None:
    """Who waits in the queue starts when the one before is given up."""
    settings = {"max_starting": 1, "start_timeout": 0.5}
    with running_manager(misbehaving_children=True, **settings) as manager:
        hanging = manager.api.begin_init("silent.1")
        eventually(lambda: manager.children.launched("silent.1") == 1, "the first start")
        manager.api.init_pb("ann", wait=0)
        assert hanging.result().status_code == 504
        manager.api.stop("silent.1")
        # On a busy machine its own first try may take too long: it is tried again.
        eventually(lambda: manager.api.instance("ann")["status"] == "Running", "who waited runs")


def test_too_many_starts_are_refused() -> None:
    """When the queue is full, further users are told to come back; nothing is left of them."""
    settings = {"max_starting": 1, "start_queue": 1, "start_timeout": 300}
    with running_manager(misbehaving_children=True, **settings) as manager:
        first, second = (manager.api.init_pb(f"silent.{n}", wait=0) for n in (1, 2))
        refused = manager.api.init_pb("ann")
        joined = manager.api.init_pb("silent.2", wait=0)

        assert [first.status_code, second.status_code, joined.status_code] == [202, 202, 202]
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_starts")
        assert refused.json()["message"].startswith("Too many instances are starting")
        assert int(refused.headers["Retry-After"]) >= 1
        assert manager.children.launched("silent.2") == manager.children.launched("ann") == 0

        manager.api.stop("silent.2")
        manager.api.stop("silent.1")
        assert manager.api.run("ann")["status"] == "Running"


def test_reads_are_as_fast_as_before_while_starts_hang(hung: Manager) -> None:
    """Twenty hanging starts delay no status, no listing and no health check."""
    paths = ("/api/users/healthy/pb_status", "/api/pb_instances", "/health/pb")
    for path in paths:
        assert median_time(functools.partial(hung.api.call, "GET", path)) < AS_FAST_AS_BEFORE
    assert len(hung.api.instances("?status=Starting")) == HANGING


def test_others_start_and_stop_while_starts_hang(hung: Manager) -> None:
    """Twenty hanging starts keep nobody else from starting and stopping."""
    hung.api.run("another")
    hung.api.run("another", force_restart=True)

    assert hung.api.stop("another")["status"] == "Stopped"


def test_callers_that_give_up_hurt_nobody(hung: Manager) -> None:
    """Callers that hang up while they wait leave the manager as it was."""

    def give_up(number: int) -> None:
        with pytest.raises(requests.exceptions.ReadTimeout):
            hung.api.init_pb(f"hangs.{number}", timeout=0.1)

    with ThreadPoolExecutor(HANGING) as callers:
        list(callers.map(give_up, range(HANGING)))

    assert hung.api.run("healthy")["status"] == "Running"
    assert hung.api.stop("hangs.0")["status"] == "Stopped"
    assert hung.api.init_pb("hangs.0", wait=0).status_code == 202


def test_more_callers_than_can_wait_are_answered_at_once(hung: Manager) -> None:
    """A hundred calls that wait for a hanging start leave threads for everybody else."""

    def wait_for(number: int) -> Json:
        return {"status": hung.api.init_pb("hangs.1").status_code, "number": number}

    with ThreadPoolExecutor(120) as callers:
        waiting = [callers.submit(wait_for, number) for number in range(120)]
        eventually(lambda: sum(each.done() for each in waiting) >= 20, "the others are answered")
        early = {each.result()["status"] for each in waiting if each.done()}
        health = hung.api.call("GET", "/health/pb").json()
        stopped = hung.api.stop("hangs.1")

        def all_answered() -> bool:
            hung.api.stop("hangs.1")  # a caller that comes only now has begun another start
            return all(each.done() for each in waiting)

        eventually(all_answered, "all are answered")

    assert early == {202}
    assert health["status"] == "ok"
    assert {each.result()["status"] for each in waiting} == {202, 409}
    assert not Path(stopped["db_path"], "data.db").exists()
