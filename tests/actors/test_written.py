"""Being told of writes to files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from actors.clock import LoopClock
from actors.written import Written
from tests.actors.fakes import PATIENCE


@pytest.fixture
def written(clock: LoopClock) -> Iterator[Written]:
    written = Written(clock)
    yield written
    written.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "log"
    file.touch()
    return file


def on_clock(clock: LoopClock, call: Callable[[], object]) -> None:
    """Return when ``call`` was called on the clock's thread."""
    done = threading.Event()

    def do() -> None:
        call()
        done.set()

    clock.post(do)
    assert done.wait(PATIENCE)


def test_each_write_is_told(clock: LoopClock, written: Written, file: Path) -> None:
    """Everybody who watches hears of it, on the clock's thread, again and again."""
    told: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def hear(who: str) -> None:
        told.put((who, threading.current_thread().name))

    on_clock(clock, lambda: written.watch(file, lambda: hear("one")))
    on_clock(clock, lambda: written.watch(file, lambda: hear("other")))
    for _ in range(2):
        with file.open("a") as log:
            log.write("a line\n")
        assert [told.get(timeout=PATIENCE) for _ in range(2)] == [
            ("one", "clock"),
            ("other", "clock"),
        ]


def test_who_does_not_watch_any_more_is_not_told(
    clock: LoopClock, written: Written, file: Path
) -> None:
    """The others go on, and the file's end is no harm."""
    told: SimpleQueue[str] = SimpleQueue()
    ends = []

    def watch() -> None:
        ends.append(written.watch(file, lambda: told.put("one")))
        ends.append(written.watch(file, lambda: told.put("other")))

    on_clock(clock, watch)
    on_clock(clock, lambda: ends[0]())
    file.write_text("a line")
    assert told.get(timeout=PATIENCE) == "other"
    file.unlink()
    on_clock(clock, lambda: ends[1]())
    assert "one" not in [told.get_nowait() for _ in range(told.qsize())]


def test_a_file_that_is_not_there_cannot_be_watched(
    clock: LoopClock, written: Written, tmp_path: Path
) -> None:
    """Whoever asks is told, and can do without."""
    errors: SimpleQueue[OSError] = SimpleQueue()

    def watch() -> None:
        try:
            written.watch(tmp_path / "nothing", lambda: None)
        except OSError as error:
            errors.put(error)

    on_clock(clock, watch)
    assert isinstance(errors.get(timeout=PATIENCE), FileNotFoundError)
