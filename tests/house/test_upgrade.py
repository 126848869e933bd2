"""The first start with another PocketBase: data and PocketBase from before are a step away."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.events import InstanceUpgraded, UpgradeRolledBack
from bus.states import Status
from tests.house.caller import Json
from tests.house.manager import Manager, manager_of
from tests.house.pocketbases import broken, pocketbase
from tests.house.tenant import POCKETBASE, Tenant

DIES = 'echo "the newer one does not like it"; exit 1'
TOUCHES = (
    f'd="$*"; d=${{d#*--dir=}}; d=${{d%% --*}}; "{POCKETBASE}" superuser upsert x@y.zz 12345678 '
    '--dir "$d" >/dev/null; echo gone mad; exit 1'
)
"""Writes to the database first, as a migration would that fails later."""


@pytest.fixture
def house() -> Iterator[Manager]:
    """Return a manager that is not started yet, with the PocketBase that is installed."""
    with manager_of(upgrade_timeout=1, on_exit="stop") as made:
        yield made


def superusers(instance: Json) -> set[str]:
    database = sqlite3.connect(f"file:{instance['db_path']}/data.db?mode=ro", uri=True)
    try:
        return {row[0] for row in database.execute("SELECT email FROM _superusers")}
    finally:
        database.close()


def old_data(manager: Manager, user_id: str) -> Path:
    return manager.layout.upgrade(user_id) / "old"


def test_an_upgrade_is_preceded_by_a_snapshot_and_keeps_everything(house: Manager) -> None:
    """A real older PocketBase's data are served by the real newer one; the former are kept."""
    house.relaunch(pocketbase("0.36.9"))
    owner = Tenant(house.api.run("ann"))
    owner.make_collection("notes")
    owner.write("notes", "of the old one")
    assert house.api.instance("ann")["version"] == "0.36.9"
    house.api.stop("ann")
    before = (Path(house.api.instance("ann")["db_path"]) / "data.db").read_bytes()

    house.relaunch(POCKETBASE)
    with house.listen("ann") as listener:
        instance = house.api.run("ann")
        told = listener.until_event(InstanceUpgraded)

    assert (told.old, told.version) == ("0.36.9", "0.40.6")
    assert instance["version"] == "0.40.6"
    assert Tenant(instance).titles("notes") == ["of the old one"]
    assert (old_data(house, "ann") / "data.db").read_bytes() == before
    house.stop()


@pytest.mark.parametrize("script", [DIES, TOUCHES, "exec sleep 100"])
def test_a_first_start_that_fails_is_taken_back(
    house: Manager, tmp_path: Path, script: str
) -> None:
    """It exits, writes half or is silent: data and PocketBase are as before, and it runs."""
    house.relaunch(POCKETBASE)
    owner = Tenant(house.api.run("ann"))
    owner.make_collection("notes")
    owner.write("notes", "milk")
    house.api.stop("ann")
    house.relaunch(broken(tmp_path, "0.99.0", script))

    with house.listen("ann") as listener:
        instance = house.api.run("ann")
        told = listener.until_event(UpgradeRolledBack)
    assert (told.version, told.refused) == ("0.40.6", "0.99.0")
    assert instance["version"] == "0.40.6"
    assert "PocketBase 0.99.0 failed and was taken back" in instance["reason"]
    assert Tenant(instance).titles("notes") == ["milk"]
    assert superusers(instance) == {"owner@example.com", "service@pblm.invalid"}
    assert not house.layout.upgrade("ann").exists()

    again = house.api.run("ann", force_restart=True)  # asked for again: tried again
    assert again["version"] == "0.40.6"
    assert "0.99.0 failed and was taken back" in again["reason"]
    house.stop()


def test_one_that_was_refused_is_not_tried_by_the_manager_itself(
    house: Manager, tmp_path: Path
) -> None:
    """After a crash, and at the next launch, it goes on with the former PocketBase."""
    house.relaunch(POCKETBASE)
    house.api.run("ann")
    house.relaunch(broken(tmp_path, "0.99.0", DIES))  # ann is started, and taken back
    with house.listen("ann") as listener:
        instance = house.api.run("ann")
        assert instance["version"] == "0.40.6"
        os.kill(instance["pid"], signal.SIGKILL)
        heard = listener.until(
            lambda one: one.status is Status.RUNNING and one.instance.pid != instance["pid"]
        )
    assert "taken back" not in heard[-1].reason
    house.stop()
    house.start()
    instance = house.api.run("ann")
    assert instance["version"] == "0.40.6"
    assert instance["reason"] == "It answers its health check"
    house.stop()


def test_without_the_former_pocketbase_the_data_come_back_and_a_person_is_asked(
    house: Manager, tmp_path: Path
) -> None:
    """The data are as before; nothing is tried again, and the reason says what is to be done."""
    house.relaunch(POCKETBASE)
    house.api.run("ann")
    house.api.stop("ann")
    house.stop()
    for kept in (house.layout.control / "bin").glob("pocketbase-0.40.6-*"):
        kept.unlink()
    house.relaunch(broken(tmp_path, "0.99.0", TOUCHES))
    answer = house.api.init_pb("ann")

    assert answer.status_code == 500
    failed = answer.json()["instance"]
    assert failed["failure"]["cause"] == "upgrade_failed"
    assert "set PB_BINARY_PATH to it" in failed["reason"]
    assert superusers(failed) == {"service@pblm.invalid"}
    house.relaunch(POCKETBASE)
    assert house.api.run("ann")["version"] == "0.40.6"
    house.stop()
