"""The actors of one manager: what must be there before they start, and what is left after."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from actors.system import ActorSystem
from bus.answers import Answer, HealthAnswer
from bus.errors import InstanceIOError, PblmError, ProcessError, SettingsError, Unavailable
from bus.requests import GetHealth
from bus.settings import Settings
from tests.actors.fakes import PATIENCE
from tests.leftovers import nothing_left


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """Return a program that says it is PocketBase."""
    binary = tmp_path / "pocketbase"
    binary.write_text("#!/bin/sh\necho pocketbase version 0.40.6\n")
    binary.chmod(0o700)
    return binary


@pytest.fixture
def settings(tmp_path: Path, binary: Path) -> Callable[..., Settings]:
    """Return how settings are made, with what a test wants different."""

    def make(**different: Any) -> Settings:
        given: dict[str, Any] = {"binary_path": str(binary), "user_dbs_path": tmp_path / "dbs"}
        return Settings(**given | different)

    return make


def test_a_system_answers_and_leaves_nothing(settings: Callable[..., Settings]) -> None:
    """It opens, answers, and closes without a thread or an open file."""
    answers: SimpleQueue[Answer] = SimpleQueue()
    with nothing_left():
        system = ActorSystem(settings())
        with pytest.raises(Unavailable, match="not up yet"):
            system.handle(GetHealth(), lambda answer: None)
        system.start(lambda event: None)
        system.handle(GetHealth(), answers.put)
        assert isinstance(answers.get(timeout=PATIENCE), HealthAnswer)
        assert system.versions.current.version == "0.40.6"
        system.stop_instances()
        assert system.wait_stopped(PATIENCE)
        system.close()
        with pytest.raises(Unavailable, match="does not answer"):
            system.handle(GetHealth(), answers.put)


def test_a_system_that_was_never_started_can_be_closed(settings: Callable[..., Settings]) -> None:
    """What could not go on after it was opened is closed without ado."""
    system = ActorSystem(settings())
    system.hurry()
    system.stop_instances()
    assert system.wait_stopped(0)
    system.close()


def test_a_second_manager_is_refused(settings: Callable[..., Settings]) -> None:
    """One manager per directory; the next may come when the first is closed."""
    first = ActorSystem(settings())
    with pytest.raises(SettingsError, match=rf"another manager \(pid {os.getpid()}\)"):
        ActorSystem(settings())
    first.close()
    ActorSystem(settings()).close()


def no_binary(tmp_path: Path) -> dict[str, object]:
    return {"binary_path": str(tmp_path / "nothing")}


def no_program(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "text").write_text("text")
    return {"binary_path": str(tmp_path / "text")}


def no_directory(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "file").write_text("in the way")
    return {"user_dbs_path": tmp_path / "file" / "dbs"}


def no_registry(tmp_path: Path) -> dict[str, object]:
    control = tmp_path / "dbs" / ".pblm"
    control.mkdir(parents=True)
    (control / "registry.db").write_text("garbage " * 200)
    return {}


@pytest.mark.parametrize(
    ("arrange", "error_class", "says"),
    [
        (no_binary, ProcessError, "^PB_BINARY_PATH=.*No such file; install it"),
        (no_program, ProcessError, "^PB_BINARY_PATH=.*not executable; `chmod"),
        (no_directory, InstanceIOError, "^IO error: cannot make the directory"),
        (no_registry, SettingsError, "^The registry .* cannot be read"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    settings: Callable[..., Settings],
    tmp_path: Path,
    arrange: Callable[[Path], dict[str, object]],
    error_class: type[PblmError],
    says: str,
) -> None:
    """A launch that cannot be has one clear reason, and holds nothing open."""
    different = arrange(tmp_path)
    with nothing_left():
        for _ in range(2):
            with pytest.raises(error_class, match=says) as error:
                ActorSystem(settings(**different))
            assert "\n" not in error.value.message
