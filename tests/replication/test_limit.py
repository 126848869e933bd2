"""Whoever has acknowledged too much that is in no replica acknowledges nothing more."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from actors.cluster.fence import Fence
from actors.records import Record
from actors.replication.limit import LagLimit
from actors.services import Services
from bus.causes import Cause
from bus.errors import ProcessError
from bus.instance import Failure
from bus.requests import InitInstance
from bus.states import Status
from tests.actors.test_store import record
from tests.bus.parts import NOW
from tests.cluster.fleet import fleet_of
from tests.cluster.rows import Rows
from tests.etcd import etcd
from tests.house.surroundings import eventually
from tests.replication.s3 import bucket

MOST = 10.0


class Paper:
    """The services that a limit needs, on paper: what is asked and held is written down."""

    def __init__(self, most: float | None = MOST) -> None:
        self.settings = type("Settings", (), {"cluster_max_lag": most})
        self.rows: dict[str, Record] = {}
        self.asked: list[tuple[str, bool]] = []
        self.fence = Fence()
        self.fence.open(1, until=float("inf"))
        self.store = self.clock = self.tenancy = self

    def run(self, user_id: str, *, up: float) -> None:
        started = NOW - timedelta(seconds=up)
        self.rows[user_id] = record(user_id, status=Status.RUNNING, started_at=started)

    def fail(self, user_id: str, cause: Cause) -> None:
        failure = Failure(cause=cause)
        self.rows[user_id] = msgspec.structs.replace(
            self.rows[user_id], status=Status.FAILED, failure=failure
        )

    def get(self, user_id: str) -> Record | None:
        return self.rows.get(user_id)

    def records(self) -> list[Record]:
        return list(self.rows.values())

    def now(self) -> Any:
        return NOW

    def hold(self, why: str | None) -> None:
        self.fence.hold(why)

    def ask(self, request: InitInstance, reply: object) -> None:
        self.asked.append((request.user_id, request.force_restart))

    def refused(self) -> Cause | None:
        """Why nobody may be started; None: everybody may."""
        try:
            with self.fence.passing(1):
                return None
        except ProcessError as error:
            return error.failure.cause


def limit_of(paper: Paper) -> LagLimit:
    return LagLimit(cast(Services, paper))


def test_whoever_is_behind_is_stopped_until_the_place_answers() -> None:
    """Nobody is started meanwhile; then those who were stopped for it are, and nobody else."""
    paper = Paper()
    limit = limit_of(paper)
    for user_id in ("late", "well", "broken"):
        paper.run(user_id, up=100)
    limit.know({"late": MOST + 1, "well": MOST - 1}, silent=True)
    assert (paper.asked, limit.holds) == ([("late", True)], True)
    assert paper.refused() is Cause.REPLICA_BEHIND
    paper.fail("late", Cause.REPLICA_BEHIND)
    paper.fail("broken", Cause.KILLED)
    limit.know({"well": MOST - 1}, silent=True)
    assert paper.asked == [("late", True)]
    limit.know({"well": 0.0}, silent=False)
    assert (limit.holds, paper.refused()) == (False, None)
    assert paper.asked == [("late", True), ("late", False)]


def test_what_waits_since_before_a_start_does_not_count() -> None:
    """Each start sends a whole copy: it has its own time for that."""
    paper = Paper()
    limit = limit_of(paper)
    paper.run("late", up=MOST - 1)
    limit.know({"late": 1000.0, "unknown": 1000.0}, silent=False)
    assert paper.asked == []
    paper.run("late", up=MOST + 1)
    limit.know({"late": 1000.0}, silent=False)
    assert (paper.asked, paper.refused()) == ([("late", True)], None)


def test_without_the_setting_nobody_is_stopped() -> None:
    """As it comes."""
    paper = Paper(most=None)
    paper.run("late", up=100)
    limit_of(paper).know({"late": 1000.0}, silent=True)
    assert (paper.asked, paper.refused()) == ([], None)


@pytest.mark.long
def test_a_host_whose_bucket_hangs_acknowledges_nothing_more(tmp_path: Path) -> None:
    """With a real bucket: it stops answering, and answers again."""
    with bucket(tmp_path) as s3, etcd() as engine:
        own = s3.settings() | {"cluster_max_lag": 2}
        with fleet_of(engine, 1, own={"h1": own}) as fleet:
            fleet.start()
            (host,) = fleet.hosts.values()
            alice = Rows(host.api.run("alice"))
            s3.server.send_signal(signal.SIGSTOP)
            alice.write(5)
            eventually(lambda: _cause(host.api.instance("alice")) == "replica_behind", "stopped")
            s3.server.send_signal(signal.SIGCONT)
            eventually(lambda: host.api.instance("alice")["status"] == "Running", "runs again")
            Rows.again(host.api.instance("alice"), alice).write(1)
            host.stop()


def _cause(instance: dict[str, Any]) -> str | None:
    failure = instance["failure"]
    return None if failure is None else str(failure["cause"])
