"""What can go wrong with a start, for real: each gives its code, its message and its status."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.states import Status
from tests.house.manager import Manager, running_manager
from tests.house.misbehaving import LAST_WORDS
from tests.house.surroundings import servers_under

START_TIMEOUT = 0.5


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager whose users may misbehave, with little patience."""
    with running_manager(misbehaving_children=True, start_timeout=START_TIMEOUT) as running:
        yield running


def check_error(manager: Manager, user_id: str, status: int, code: str, beginning: str) -> str:
    """See that ``init_pb`` fails that way and leaves the user Failed; return the message."""
    answer = manager.api.init_pb(user_id)
    body = answer.json()
    assert (answer.status_code, body["code"], body["success"]) == (status, code, False)
    assert body["message"].startswith(beginning)
    assert body["instance"]["status"] == Status.FAILED
    assert body["instance"]["reason"].startswith(beginning)
    manager.api.stop(user_id)
    return str(body["message"])


@pytest.mark.parametrize("user_id", ["silent.1", "hangs.1", "refuses.1"])
def test_never_healthy(manager: Manager, user_id: str) -> None:
    """A child that does not listen, does not answer or answers 500 is given up and ended."""
    check_error(
        manager,
        user_id,
        504,
        "start_timeout",
        f"PocketBase did not become healthy within {START_TIMEOUT:g} s",
    )

    assert not [
        pid for pid in servers_under(manager.root) if user_id in Path(f"/proc/{pid}/cwd").name
    ]


def test_a_child_that_ignores_sigterm_and_never_listens_is_ended(manager: Manager) -> None:
    """A start that is given up leaves no process behind, whatever that process ignores."""
    check_error(manager, "stubborn.1", 504, "start_timeout", "PocketBase did not become healthy")

    left = servers_under(manager.root)
    tried_again = manager.api.instance("stubborn.1")["pid"]  # on a busy machine it is that already
    assert left in ([], [tried_again])


def test_exits_at_start(manager: Manager) -> None:
    """A child that exits before it is ready fails with the last lines it wrote."""
    message = check_error(manager, "exits.1", 500, "process_error", "Process error: ")

    assert LAST_WORDS in message


def test_the_real_pocketbase_says_why_it_does_not_start(manager: Manager) -> None:
    """A database that is none fails with what PocketBase itself says of it."""
    data = manager.layout.data("garbled")
    data.mkdir(mode=0o700)
    (data / "data.db").write_bytes(b"no database at all" * 1000)

    message = check_error(manager, "garbled", 500, "process_error", "Process error: ")
    assert "file is not a database" in message


def test_directory_not_creatable(manager: Manager) -> None:
    """A file where the data directory should be is an IO error, and is left alone."""
    path = manager.layout.data("blocked")
    path.write_text("mine")

    check_error(manager, "blocked", 500, "io_error", "IO error: ")
    assert path.read_text() == "mine"
    assert manager.children.launched("blocked") == 0


def test_it_works_once_the_cause_is_gone(manager: Manager) -> None:
    """A failed user needs nothing but another ``init_pb`` when the way is free."""
    path = manager.layout.data("freed")
    path.write_text("in the way")
    assert manager.api.init_pb("freed").status_code == 500
    path.unlink()

    assert manager.api.run("freed")["status"] == "Running"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "No such file or directory (os error 2)"),
        ("not executable", "Permission denied (os error 13)"),
    ],
)
def test_the_binary_is_gone(fault: str, reason: str) -> None:
    """A binary that is lost while the manager runs is named as the cause; others run on."""
    with running_manager(misbehaving_children=True) as manager:
        others = manager.api.run("early")
        binary = manager.children.binary
        if fault == "missing":
            binary.unlink()
        else:
            binary.chmod(0o600)

        check_error(
            manager,
            "late",
            500,
            "process_error",
            f"Process error: Failed to spawn PocketBase process: {reason}",
        )
        assert manager.api.instance("early")["pid"] == others["pid"]


def test_it_is_found_again_when_the_binary_is_back() -> None:
    """The manager needs no restart when the binary is put back."""
    with running_manager(misbehaving_children=True) as manager:
        binary = manager.children.binary
        aside = shutil.move(binary, binary.with_name("aside"))
        assert manager.api.init_pb("ann").status_code == 500
        shutil.move(aside, binary)

        assert manager.api.run("ann")["status"] == "Running"
