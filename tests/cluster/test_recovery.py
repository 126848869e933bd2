"""A user's data out of a replica that is not what it should be: never nothing."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actors.cluster import recovery
from actors.cluster.directory import Place, State
from actors.cluster.recovery import Recovery, RecoveryFailed
from actors.data.belongings import clear_lost_and_found
from actors.data.contents import count_rows
from actors.layout import Layout, directory_name
from actors.replication.place import Place as ReplicaPlace
from actors.replication.rewind import Rewind, Wanted
from bus.errors import BackupError, Unavailable
from bus.settings import Settings
from tests.cluster.rows import Rows, copied
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE, eventually
from tests.replication.s3 import bucket

USER = "ann"


@dataclass
class Left:
    """What a lost host has left: a replica, in which ten rows arrived five by five."""

    manager: Manager
    replica: Path

    @property
    def files(self) -> list[Path]:
        """The files of the replica: single changes, and what was made of several."""
        return list((self.replica / directory_name(USER)).rglob("*.ltx"))

    @property
    def changes(self) -> list[Path]:
        """Those of single changes, in their order."""
        return sorted(file for file in self.files if file.parent.name == "0")

    def recovery(self) -> Recovery:
        """Return who restores from it."""
        settings, layout = self.manager.settings, self.manager.layout
        place = ReplicaPlace(settings)
        return Recovery(layout, Rewind(settings, layout, place), place)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    replica = tmp_path_factory.mktemp("replica")
    with running_manager(replica_url=replica, replica_sync_interval=0.1, seeds=1) as manager:
        rows = Rows(manager.api.run(USER))
        for number in (5, 10):
            rows.write(5)
            eventually(lambda number=number: copied(replica, USER) == number, "it is copied")  # type: ignore[misc]
        manager.api.stop(USER)
        yield Left(manager, replica)


def place(*, durable: int = 1, born: int = 1) -> Place:
    """Return the place of a user whose host is lost."""
    return Place(
        host="lost",
        incarnation=1,
        epoch=durable,
        state=State.RUNNING,
        durable=durable,
        born=born,
        identity="it has run",
    )


def test_what_was_never_durable_is_not_taken(left: Left) -> None:
    """Neither what somebody had before, who had the same id, nor what came after the last base."""
    for wrong in (place(durable=0), place(durable=2, born=2)):
        with pytest.raises(RecoveryFailed, match="no replica"):
            left.recovery().restore(USER, wrong)


class Flaky(Rewind):
    """Cannot read the replica so many times."""

    failures = 0
    moments: list[datetime | None]

    def put_together(
        self,
        source: str,
        at: datetime | None,
        target: Path,
        *,
        check: str = "full",
        wanted: Wanted = lambda: True,
    ) -> bool:
        """Fail, or do it."""
        self.moments.append(at)
        if len(self.moments) <= self.failures:
            raise BackupError("503")
        return super().put_together(source, at, target, check=check)


@pytest.mark.parametrize("failures", [2, 9])
def test_a_bucket_with_a_bad_moment_costs_nothing(
    left: Left, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """The newest is tried again; and where the bucket stays silent, nothing older is taken."""
    monkeypatch.setattr(recovery, "PAUSES", (0.0, 0.0))
    settings, layout = left.manager.settings, left.manager.layout
    flaky = Flaky(settings, layout, ReplicaPlace(settings))
    flaky.failures, flaky.moments = failures, []
    restoring = Recovery(layout, flaky, ReplicaPlace(settings))
    if failures > len((0.0, 0.0)):
        with pytest.raises(Unavailable):
            restoring.restore(USER, place())
    else:
        assert count_rows(restoring.restore(USER, place())) > 0
    assert flaky.moments == [None] * 3


@pytest.mark.parametrize("lack", ["ulimit -f 8", "kill -9 $$", "exit 2"])
def test_what_this_host_lacks_is_no_damage(
    left: Left, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    """Space on its disk, or Litestream ended by somebody: nothing older is taken."""
    monkeypatch.setattr(recovery, "PAUSES", ())
    settings, layout = left.manager.settings, left.manager.layout
    lacking = tmp_path / "litestream"
    lacking.write_text(f'#!/bin/sh\n{lack}\nexec {settings.litestream_path} "$@"\n')
    lacking.chmod(0o700)
    settings = dataclasses.replace(settings, litestream_path=str(lacking))
    flaky = Flaky(settings, layout, ReplicaPlace(settings))
    flaky.moments = []
    with pytest.raises(Unavailable):
        Recovery(layout, flaky, ReplicaPlace(settings)).restore(USER, place())
    assert flaky.moments == [None]


def test_a_replica_without_its_beginning_is_damaged(left: Left, tmp_path: Path) -> None:
    """Litestream says that there is nothing, which is so before the first copy, too."""
    copy = tmp_path / "replica"
    shutil.copytree(left.replica, copy)
    damaged = Left(left.manager, copy)
    first = damaged.changes[0].name.partition("-")[0]
    for file in damaged.files:
        if file.name.startswith(first):
            file.unlink()
    settings = dataclasses.replace(left.manager.settings, replica_url=str(copy))
    replica = ReplicaPlace(settings)
    layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
    restoring = Recovery(layout, Rewind(settings, layout, replica), replica)
    with pytest.raises(RecoveryFailed, match="its beginning is missing"):
        restoring.restore(USER, place())


def test_a_restore_that_nobody_waits_for_is_given_up(left: Left) -> None:
    """Nothing else is tried, and it is no damage: this host ends, or is no member any more."""
    settings, layout = left.manager.settings, left.manager.layout
    flaky = Flaky(settings, layout, ReplicaPlace(settings))
    flaky.moments = []
    restoring = Recovery(layout, flaky, ReplicaPlace(settings))
    answers = iter([True, False, False, False])
    flaky.failures = 1
    with pytest.raises(Unavailable, match="given up"):
        restoring.restore(USER, place(), lambda: next(answers))
    assert flaky.moments == [None]
    restoring.close()
    for restore in (restoring.restore, restoring.receive):
        with pytest.raises(Unavailable, match="given up"):
            restore(USER, place())


def test_damage_costs_what_came_after_it_and_then_a_backup_is_taken(
    left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest, an earlier moment, a backup: whichever is the first that is sound."""
    monkeypatch.setattr(recovery, "PAUSES", ())
    whole = count_rows(left.recovery().restore(USER, place()))
    monkeypatch.setattr(recovery, "EARLIER", [timedelta(seconds=0.1 * 1.2**n) for n in range(30)])
    newest = left.changes[-1].name.rpartition("-")[2]
    for file in left.files:
        if file.name.endswith(newest):
            file.write_bytes(file.read_bytes()[:-300])
    earlier = count_rows(left.recovery().restore(USER, place()))
    assert 0 < earlier < whole

    monkeypatch.setattr(recovery, "EARLIER", ())
    for file in left.files:
        file.write_bytes(b"")
    with pytest.raises(RecoveryFailed):
        left.recovery().restore(USER, place())
    answer = left.manager.api.call("POST", f"/api/users/{USER}/backups")
    assert answer.status_code == 200, answer.text
    assert count_rows(left.recovery().restore(USER, place())) == whole


def test_what_was_set_aside_is_removed_after_a_while(tmp_path: Path) -> None:
    """As old as it is since it was set aside."""
    layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
    for name, age in (("old", 10), ("new", 1)):
        (layout.lost_and_found / name).mkdir(parents=True)
        at = datetime.now(UTC).timestamp() - age
        os.utime(layout.lost_and_found / name, (at, at))
    clear_lost_and_found(layout, datetime.now(UTC) - timedelta(seconds=5))
    assert [path.name for path in layout.lost_and_found.iterdir()] == ["new"]


def test_a_restore_from_a_bucket_that_hangs_ends_with_the_manager(tmp_path: Path) -> None:
    """At once, not when the bucket's time for an answer is over."""
    layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
    with bucket(tmp_path / "s3") as users, ThreadPoolExecutor(1) as pool:
        settings = Settings(**users.settings())  # type: ignore[arg-type]
        replica = ReplicaPlace(settings)
        restoring = Recovery(layout, Rewind(settings, layout, replica), replica)
        users.server.send_signal(signal.SIGSTOP)
        restored = pool.submit(restoring.restore, USER, place())
        eventually(lambda: bool(replica._answers), "the bucket is asked")
        restoring.close()
        assert isinstance(restored.exception(PATIENCE), Unavailable)
