"""``pblm``: sleep, and backups."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.manager import Manager
from tests.house.shell import Shell
from tests.house.tenant import Tenant


@pytest.fixture(scope="module")
def pblm(manager: Manager) -> Shell:
    """Return who types commands."""
    return Shell(manager)


def test_an_instance_is_put_to_sleep_and_woken(manager: Manager, pblm: Shell) -> None:
    """`why` says in words how it is; one that was stopped is neither woken nor put to sleep."""
    manager.api.run("ann")
    assert "ann is Running: Nobody is put to sleep" in pblm("why", "ann").out
    assert pblm("sleep", "ann").out == "ann is Hibernated\n"
    assert pblm("why", "ann").out == "ann is Hibernated: It was put to sleep\n"
    asked = manager.api.call("GET", "/api/users/ann/sleep").json()
    assert pblm("why", "ann", "--json").json == asked

    woken = pblm("wake", "ann")
    assert woken.out == f"ann is Running at {manager.api.instance('ann')['url']}\n"
    assert pblm("sleep", "ann", "--json").json["instance"]["status"] == "Hibernated"
    manager.api.stop("ann")
    assert [pblm(name, "ann").status for name in ("sleep", "wake")] == [5, 5]


def test_data_are_backed_up_and_restored(manager: Manager, pblm: Shell) -> None:
    """The list shows the backup; what was written after it is gone when it is restored."""
    tenant = Tenant(manager.api.run("ben"))
    tenant.make_collection("things")
    tenant.write("things", "before")
    made = pblm("backup", "ben", "--json").json["backup"]
    tenant.write("things", "after")

    heading, line = pblm("backups", "ben").out.splitlines()
    assert heading.split() == ["BACKUP", "KIND", "WHEN", "SIZE", "PROVEN"]
    assert line.split()[:2] == [made["id"], "manual"]
    assert line.split()[-1] == "-"
    assert pblm("backups", "ben", "--json").json["backups"] == [made]

    restored = pblm("restore", "ben", made["id"])
    assert restored.out == f"ben has the data of backup {made['id']} now\n"
    assert Tenant(manager.api.instance("ben")).titles("things") == ["before"]
    other = pblm("restore", "ben", made["id"], "--to", "bob", "--json").json
    assert (other["user_id"], other["instance"]["status"]) == ("bob", "Stopped")
    assert Tenant(manager.api.run("bob")).titles("things") == ["before"]


def test_a_restore_is_undone_and_confirmed(manager: Manager, pblm: Shell) -> None:
    """What was there before is there again; then nothing is kept, and both say so."""
    tenant = Tenant(manager.api.run("dan"))
    tenant.make_collection("things")
    backup = pblm("backup", "dan", "--json").json["backup"]["id"]
    tenant.write("things", "after")
    assert pblm("restore", "dan", backup).status == 0
    assert pblm("undo-restore", "dan").out == "dan has its former data again\n"
    assert Tenant(manager.api.instance("dan")).titles("things") == ["after"]
    assert pblm("undo-restore", "dan").status == 5
    pblm("restore", "dan", backup)
    assert pblm("confirm-restore", "dan", "--json").json["instance"]["status"] == "Running"
    assert pblm("confirm-restore", "dan").status == 5
    assert pblm("restore", "dan").status == 2
    assert pblm("restore", "dan", "--at", "2026-01-01T00:00:00Z").status == 5
    assert pblm("backups", "dan", "--elsewhere").status == 5


def test_data_go_out_and_come_in_as_a_file(manager: Manager, pblm: Shell, tmp_path: Path) -> None:
    """Never over a file or a user that is there."""
    Tenant(manager.api.run("eve")).make_collection("things")
    backup = pblm("backup", "eve", "--json").json["backup"]["id"]
    out = tmp_path / "eve.zip"
    assert pblm("export", "eve", backup, str(out)).out.startswith(f"{out}: backup {backup} of eve")
    assert pblm("export", "eve", backup, str(out)).status == 1
    brought = pblm("import", "fay", str(out))
    assert brought.out == f"fay has the data of {out}, and is stopped\n"
    assert Tenant(manager.api.run("fay")).titles("things") == []
    assert pblm("import", "eve", str(out)).status == 5
    assert list(manager.settings.uploads_path.iterdir()) == []


def test_a_proof_is_shown(manager: Manager, pblm: Shell) -> None:
    """Once PocketBase has run on a backup, the list says when."""
    manager.api.run("cat")
    said = pblm("backup", "cat").out
    (backup,) = pblm("backups", "cat", "--json").json["backups"]
    assert said.startswith(f"backup {backup['id']} of cat is made: ")
    assert "PocketBase runs on it" in pblm("prove", "cat", backup["id"]).out
    assert pblm("backups", "cat").out.splitlines()[1].split()[-2].count("-") == 2


@pytest.mark.parametrize(
    "words",
    [
        ("sleep", "nobody"),
        ("wake", "nobody"),
        ("why", "nobody"),
        ("backup", "nobody"),
        ("backups", "nobody"),
        ("restore", "nobody", "20260101T000000Z-0000"),
    ],
)
def test_nobody_is_not_found(pblm: Shell, words: tuple[str, ...]) -> None:
    """There is no such user: one line on standard error, and the exit status for it."""
    ended = pblm(*words)
    assert (ended.status, ended.out, ended.err.count("\n")) == (4, "", 1)
