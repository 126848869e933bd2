"""Spares: PocketBases that run before anybody needs them, and become a user's while they do."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests

from bus.states import Status
from tests.house.manager import Manager, manager_of
from tests.house.surroundings import await_end, command_line, eventually
from tests.house.tenant import Tenant
from tests.house.test_access import is_superuser, mint
from tests.house.test_templates import read


@pytest.fixture
def house() -> Iterator[Manager]:
    """Return a manager that keeps one spare."""
    with manager_of(seeds=2, spares=1) as manager:
        manager.start()
        yield manager


def await_spare(manager: Manager, after: Sequence[int] = ()) -> int:
    """Return the process of one that is ready, other than those ``after`` which it comes."""

    def ready() -> list[int]:
        told = {int(pid) for pid in re.findall(r"pid (\d+) is a spare", manager.log.read_text())}
        return sorted(told - set(after))

    eventually(lambda: len(ready()) == 1, "there is a spare")
    return ready()[0]


def test_a_spare_becomes_the_users_own(house: Manager) -> None:
    """Its directory, log and name are the user's; its tokens are worth nothing at another's."""
    first = await_spare(house)
    ann = house.api.run("ann")
    second = await_spare(house, after=[first])
    ben = house.api.run("ben")
    assert (ann["pid"], ben["pid"]) == (first, second)
    for user_id, own, other in (("ann", ann, ben), ("ben", ben, ann)):
        assert not Path(own["db_path"]).is_symlink()
        [(settings,)] = read(own, "SELECT value FROM _params WHERE id = 'settings'")
        assert isinstance(settings, bytes | str)
        assert json.loads(settings)["meta"]["appName"] == user_id
        assert "Server started" in house.layout.log(user_id).read_text()
        token = mint(house, user_id)["token"]
        assert is_superuser(own, token)
        assert not is_superuser(other, token)
    house.stop()


def test_it_is_adopted_killed_and_started_as_every_other(house: Manager) -> None:
    """A next manager goes on with it, and ends the spares that nobody has taken."""
    pid = await_spare(house)
    before = house.api.run("ann")
    assert before["pid"] == pid
    tenant = Tenant(before)
    tenant.make_collection("notes")
    tenant.write("notes", "milk")
    left = await_spare(house, after=[pid])
    house.kill()
    house.start()
    assert house.api.run("ann")["pid"] == before["pid"]
    await_end(left)
    with house.listen("ann") as listener:
        os.kill(before["pid"], signal.SIGKILL)
        listener.until_status(Status.RUNNING)
    after = house.api.instance("ann")
    assert f"--dir={after['db_path']}" in command_line(after["pid"])
    assert Tenant(after).titles("notes") == ["milk"]
    house.stop()


def test_what_is_opened_again_by_its_path_is_the_users(house: Manager) -> None:
    """A restore within PocketBase opens everything anew, by the path that the spare began with."""
    pid = await_spare(house)
    ann = house.api.run("ann")
    assert ann["pid"] == pid
    tenant = Tenant(ann)
    tenant.make_collection("notes")
    tenant.write("notes", "kept")
    headers = {"Authorization": mint(house, "ann")["token"]}
    backups = f"{ann['url']}/api/backups"
    made = requests.post(backups, json={"name": "a.zip"}, headers=headers, timeout=20)
    assert made.status_code == 204, made.text
    tenant.write("notes", "lost")
    requests.post(f"{backups}/a.zip/restore", headers=headers, timeout=20)

    def titles() -> object:
        return read(ann, "SELECT title FROM notes")

    def is_restored() -> bool:
        try:
            return titles() == [("kept",)]
        except sqlite3.OperationalError:  # the files are being exchanged at this moment
            return False

    eventually(is_restored, "it is restored in the user's own directory")
    eventually(lambda: house.api.instance("ann")["status"] == "Running", "it runs")
    eventually(lambda: answers(tenant), "it answers again")
    tenant.write("notes", "later")
    assert titles() == [("kept",), ("later",)]
    house.stop()


def answers(tenant: Tenant) -> bool:
    try:
        return tenant.titles("notes") == ["kept"]
    except (requests.RequestException, AssertionError):
        return False
