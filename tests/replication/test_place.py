"""What we read and write in the place of the replicas ourselves: files, and moments."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from actors.layout import Layout
from actors.replication.files import FileCopier
from actors.replication.generation import FORMAT, outdated
from actors.replication.place import Place
from bus.errors import BackupError
from bus.settings import Settings
from tests.house.surroundings import PATIENCE, eventually
from tests.ports import free_ports
from tests.replication.s3 import bucket

USER = "pb_user_=ann@x.y+z.db"
BEGAN = "20261124T150632202916Z"


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return a directory or a bucket."""
    if request.param == "directory":
        (tmp_path / "replicas").mkdir()
        yield Place(Settings(), str(tmp_path / "replicas"))
        return
    with bucket(tmp_path / "s3") as users:
        settings = users.settings()
        yield Place(Settings(**settings), str(settings["replica_url"]))  # type: ignore[arg-type]


def test_generations_are_told_oldest_first(place: Place) -> None:
    """By when they began; what else lies there is none, and other users' are others'."""
    for path in (f"e00000002-{BEGAN}/0000/a.ltx", f"e00000001-{BEGAN}/0000/a.ltx", "storage/c/r/f"):
        place.send(USER, path, BytesIO(b"x"))
    place.send(f"{USER}2", f"e00000003-{BEGAN}/0000/a.ltx", BytesIO(b"x"))
    began = datetime(2026, 11, 24, 15, 6, 32, 202916, tzinfo=UTC)

    assert place.generations(USER) == dict.fromkeys(
        [f"e00000001-{BEGAN}", f"e00000002-{BEGAN}"], began
    )
    assert place.generations("pb_user_nobody.db") == {}
    assert place.written_at(USER, f"e00000001-{BEGAN}") is not None
    assert place.written_at(USER, "e00000009-x") is None


def test_what_nobody_can_go_back_to_any_more_is_removed(place: Place) -> None:
    """A generation goes when the next one began long enough ago; a user's neighbour stays."""
    paths = [f"e0000000{number}-{BEGAN}/0000/a.ltx" for number in (1, 2)]
    for path in (*paths, "storage/c/r/f"):
        place.send(USER, path, BytesIO(b"x"))
    place.send(f"{USER}2", "storage/c/r/f", BytesIO(b"x"))
    place.send(USER, "backups/a.zip", BytesIO(b"x"))
    place.remove_folder(USER, f"e00000001-{BEGAN}")
    assert [*place.generations(USER)] == [f"e00000002-{BEGAN}"]
    assert place.files(USER) == {"storage/c/r/f"}
    place.purge(USER, 2, datetime.now(UTC) + timedelta(hours=1))
    assert place.generations(USER) == {}
    assert place.files(USER) == set()
    assert place.files(f"{USER}2") == {"storage/c/r/f"}
    assert place.names(USER, "backups") == {"a.zip"}, "those are sent and removed by others"


def test_a_purge_leaves_what_is_a_successors(place: Place) -> None:
    """Of a later epoch, or of one that began later; and files that came after the purge."""
    before, at = f"e00000002-{BEGAN}", datetime.now(UTC) - timedelta(hours=1)
    later = f"{at + timedelta(minutes=1):{FORMAT}}"
    stay = [f"e00000003-{BEGAN}", f"e00000001-{later}"]
    for name in (before, *stay):
        place.send(USER, f"{name}/0000/a.ltx", BytesIO(b"x"))
    place.send(USER, "storage/c/r/f", BytesIO(b"x"))

    place.purge(USER, 2, at)

    assert [*place.generations(USER)] == sorted(stay)
    assert place.files(USER) == {"storage/c/r/f"}


def test_a_purge_that_is_tried_again_leaves_the_uploads_of_who_has_not_run(place: Place) -> None:
    """A successor was imported meanwhile: it has files, and no generation."""
    place.send(USER, f"e00000002-{BEGAN}/0000/a.ltx", BytesIO(b"x"))
    place.send(USER, "storage/c/r/f", BytesIO(b"x"))

    place.purge(USER, 2, datetime.now(UTC) - timedelta(hours=1), again=True)

    assert place.generations(USER) == {}
    assert place.files(USER) == {"storage/c/r/f"}


def test_a_purge_leaves_what_somebody_else_needs(place: Place) -> None:
    """Who had the name before, and left it ``since``; or who has its old name, and files, again."""
    since, hour = datetime.now(UTC), timedelta(hours=1)
    old, new = (f"e00000001-{since + way * hour / 2:{FORMAT}}" for way in (-1, 1))
    for path in (f"{old}/0000/a.ltx", f"{new}/0000/a.ltx", "storage/c/r/f"):
        place.send(USER, path, BytesIO(b"x"))
    place.purge(USER, 1, since + hour, again=True, since=since + hour / 4)
    assert ([*place.generations(USER)], place.files(USER)) == ([old], {"storage/c/r/f"})
    place.purge(USER, 1, since + hour, again=True, files=False)
    assert (place.generations(USER), place.files(USER)) == ({}, {"storage/c/r/f"})


def test_a_generation_ends_where_the_next_one_begins() -> None:
    """What is later than the moment is in those that are kept; the last one always is."""
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    began = {"c": noon, "a": noon - 4 * hour, "b": noon - 2 * hour}
    assert outdated(began, noon - 3 * hour) == []
    assert outdated(began, noon - hour) == ["a"]
    assert outdated(began, noon + hour) == ["a", "b"]
    assert outdated({}, noon) == []


def test_the_last_generation_that_is_restored_from_is_kept() -> None:
    """However long ago it ended: one of a later epoch counts only once that epoch is durable."""
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    names = [f"e0000000{epoch}-{BEGAN}" for epoch in (4, 5, 6)]
    began = dict.fromkeys(names, noon - timedelta(hours=1))
    assert outdated(began, noon, durable=5) == names[:1]
    assert outdated(began, noon, durable=6) == names[:2]
    assert outdated(began, noon, durable=0) == []


def test_a_clock_that_is_ahead_does_not_make_the_live_generation_an_old_one() -> None:
    """The host that was lost had a clock ahead: its generation began later, and is the older."""
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    lost, live = f"e00000001-{noon:{FORMAT}}", "e00000002-20261124T110000000000Z"
    began = {lost: noon, live: noon - timedelta(hours=1)}
    assert outdated(began, noon + timedelta(hours=1)) == [lost]


def test_a_file_comes_back_as_it_was(place: Place, tmp_path: Path) -> None:
    """Or it is told that it is not there."""
    content = os.urandom(300_000)
    place.send(USER, "storage/c/r/f_x.bin", BytesIO(content))

    assert place.files(USER) == {"storage/c/r/f_x.bin"}
    assert place.fetch(USER, "storage/c/r/f_x.bin", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").read_bytes() == content
    assert not place.fetch(USER, "storage/c/r/other", tmp_path / "c")


def test_files_are_sent_once_when_the_database_has_changed(place: Place, tmp_path: Path) -> None:
    """What is there stays, also for a new manager; links to elsewhere are no uploads."""
    layout = Layout(root=tmp_path / "dbs", control=tmp_path / "dbs" / ".pblm")
    data = layout.data("ann")
    folder = data / "storage" / "c" / "r"
    folder.mkdir(parents=True)
    (data / "data.db").write_bytes(b"1")
    (folder / "one").write_bytes(b"one")
    (folder / "stolen").symlink_to("/etc/passwd")
    (folder / "thumbs_one").mkdir()
    (folder / "thumbs_one" / "small").write_bytes(b"made again")
    copier = FileCopier(layout, place)

    assert copier.copy("ann") == 1
    (folder / "two").write_bytes(b"two")
    assert copier.copy("ann") == 0
    (data / "data.db").write_bytes(b"22")
    assert copier.copy("ann") == 1
    assert place.files(data.name) == {"storage/c/r/one", "storage/c/r/two"}
    (folder / "one").unlink()
    assert FileCopier(layout, place).copy("ann") == 0
    assert place.files(data.name) == {"storage/c/r/one", "storage/c/r/two"}


def test_a_bucket_that_is_not_there_says_so() -> None:
    """An error that says what does not answer, and soon."""
    settings = Settings(
        replica_url="s3://bucket",
        replica_endpoint=f"http://127.0.0.1:{free_ports(1)}",
        replica_access_key_id="id",
        replica_secret_access_key="secret",
    )
    with pytest.raises(BackupError, match="does not answer"):
        Place(settings, "s3://bucket").generations(USER)


def test_nobody_waits_for_an_answer_when_the_manager_ends(tmp_path: Path) -> None:
    """A request that is under way is not taken back, and nobody waits for it."""
    with bucket(tmp_path / "s3") as users:
        settings = Settings(**users.settings())  # type: ignore[arg-type]
        place = Place(settings)
        users.server.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(ask, USER) for ask in (place.generations, place.files)]
            eventually(lambda: len(place._answers) == len(asked), "both are asked")
            place.close()
            for each in asked:
                assert isinstance(each.exception(PATIENCE), BackupError)
        with pytest.raises(BackupError, match="stopping"):
            place.read(USER, "any")
