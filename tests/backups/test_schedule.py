"""When backups are made, and which are kept."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import msgspec
import requests

from actors.backups.catalogue import Entry
from actors.backups.manifest import Kind, Manifest
from actors.backups.retention import expired
from actors.backups.schedule import JITTER, RETRY, Schedule, spread
from bus.backup import BackupPolicy
from bus.events import BackupFailed, BackupFinished, BackupProven
from tests.backups.calls import Backups
from tests.house.manager import manager_of, running_manager
from tests.house.surroundings import PATIENCE, eventually
from tests.house.tenant import Tenant

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EACH_DAY = DAY.total_seconds()
MANIFEST = Manifest(
    user_id="alice",
    kind=Kind.SCHEDULED,
    taken_at=NOW,
    version="0.40.6",
    identity="first@1",
    migrations=(),
    settings_encrypted=False,
    files_elsewhere=False,
    database_bytes=1,
    database_sha256="",
    files=0,
    files_bytes=0,
    files_sha256="",
)


def entry(age: timedelta, kind: Kind = Kind.SCHEDULED, *, proven: bool = False) -> Entry:
    at = NOW - age
    manifest = msgspec.structs.replace(MANIFEST, taken_at=at, kind=kind)
    return Entry(id=f"{at:%Y%m%dT%H%M%SZ}", manifest=manifest, proven_at=NOW if proven else None)


def test_a_backup_is_due_when_the_last_is_old_enough() -> None:
    """Without one at once; after that within the last tenth of the interval, each at its own."""
    schedule = Schedule()
    assert schedule.due("alice", EACH_DAY, NOW)
    assert not schedule.due("alice", 0, NOW)
    schedule.good("alice", NOW)
    assert not schedule.due("alice", EACH_DAY, NOW + DAY * (1 - JITTER) - timedelta(seconds=1))
    assert schedule.due("alice", EACH_DAY, NOW + DAY)
    assert schedule.due("alice", EACH_DAY, NOW + 40 * DAY)
    assert spread("alice") != spread("bob")


def test_what_failed_is_tried_again_soon_but_not_at_once() -> None:
    """A full disk is no reason to be busy all the time, nor to wait for a day."""
    schedule = Schedule()
    schedule.failed("alice", NOW)
    assert not schedule.due("alice", EACH_DAY, NOW + timedelta(seconds=RETRY - 1))
    assert schedule.due("alice", EACH_DAY, NOW + timedelta(seconds=RETRY))


def test_a_clock_that_jumps_keeps_nobody_without_backups() -> None:
    """Put back, the last backup is of the future: it says nothing, so there is a new one."""
    schedule = Schedule()
    schedule.good("alice", NOW)
    assert schedule.due("alice", EACH_DAY, NOW - 400 * DAY)
    schedule.failed("alice", NOW)
    assert schedule.due("alice", EACH_DAY, NOW - 400 * DAY)


def test_the_last_few_are_kept_and_one_of_each_day_and_week() -> None:
    """Four a day for 60 days: the last three, the newest of three days, and of two weeks."""
    entries = [entry(timedelta(hours=6) * number) for number in range(240)]
    policy = BackupPolicy(interval=21_600, keep_last=3, keep_daily=3, keep_weekly=2)
    gone = {each.id for each in expired(entries, policy)}
    kept = [each.manifest.taken_at for each in entries if each.id not in gone]
    hours = [(NOW - at) / timedelta(hours=1) for at in kept]
    assert hours == [0, 6, 12, 18, 42]  # June 28 was a Sunday


def test_what_somebody_asked_for_and_the_last_proven_one_stay() -> None:
    """Neither goes by itself, however old it is."""
    entries = [
        entry(timedelta(0)),
        entry(DAY),
        entry(90 * DAY, Kind.MANUAL),
        entry(99 * DAY, proven=True),
    ]
    policy = BackupPolicy(interval=86_400, keep_last=1, keep_daily=0, keep_weekly=0)
    assert expired(entries, policy) == [entries[1]]


def test_who_changes_is_backed_up_and_who_does_not_is_left_alone() -> None:
    """Running and stopped alike, in time, a share of them proven; each user may differ."""
    with running_manager(backup_interval=0.4, backup_prove=1) as manager:
        with manager.listen() as listener:
            manager.api.run("quiet")
            manager.api.stop("quiet")
            tenant = Tenant(manager.api.run("busy"))
            tenant.make_collection("things")
            assert listener.until_event(BackupFinished).backup.kind == "scheduled"
            listener.until_event(BackupProven)
        busy, quiet = Backups(manager, "busy"), Backups(manager, "quiet")
        eventually(lambda: len(quiet.list()) >= 1, "the stopped one is backed up too")
        before = len(busy.list())

        def changed() -> bool:
            tenant.write("things", "more")
            return len(busy.list()) >= before + 3

        eventually(changed, "what changes is backed up again and again")
        assert len(quiet.list()) <= 2
        assert manager.api.instance("quiet")["status"] == "Stopped"
        busy.done("PUT", "backup_policy", json={"interval": 0, "keep_last": 1, "keep_daily": 0})
        assert len([each for each in busy.list() if not each["proven_at"]]) <= 1
        metrics = requests.get(f"{manager.api.url}/metrics", timeout=PATIENCE).text
        assert 'pblm_backups_total{result="unchanged"}' in metrics


def test_a_run_that_was_missed_is_caught_up() -> None:
    """What was due while no manager ran is made when the next one begins; no rubbish is left."""
    with manager_of(backup_interval=86_400) as manager:
        manager.environ["PB_BACKUP_INTERVAL"] = ""
        manager.start()
        Tenant(manager.api.run("late")).make_collection("things")
        manager.api.stop("late")
        manager.stop()
        left = [manager.layout.drafts / "half", manager.settings.uploads_path / "half.zip"]
        left[0].mkdir()
        left[1].touch()
        for path in left:
            os.utime(path, (0, 0))
        (manager.settings.backups_root / "lost+found").write_text("no folder of a user's backups")
        manager.environ["PB_BACKUP_INTERVAL"] = "86400"
        manager.start()
        late = Backups(manager, "late")
        eventually(lambda: len(late.list()) == 1, "it is caught up")
        assert not any(path.exists() for path in left)
        manager.stop()


def test_a_backup_that_cannot_be_made_is_told() -> None:
    """The instance goes on, nothing half-done is left, and the next one is not affected."""
    with running_manager() as manager:
        instance = manager.api.run("full")
        backups = Backups(manager, "full")
        folder = manager.layout.backups("full")
        folder.parent.mkdir(exist_ok=True)
        folder.write_text("in the way")
        with manager.listen("full") as listener:
            assert backups.refused("POST", "backups") in ("backup_failed", "io_error")
            assert listener.until_event(BackupFailed).reason
        assert list((manager.layout.control / "drafts").iterdir()) == []
        assert manager.api.instance("full")["pid"] == instance["pid"]
        folder.unlink()
        assert backups.make()
