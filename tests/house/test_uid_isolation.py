"""``PB_ISOLATION=uid``: what one user's superuser can reach of another user's. Nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.house.manager import Manager, running_manager
from tests.house.test_access import mint

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing the uid takes root")


@pytest.fixture(scope="module")
def house() -> Iterator[Manager]:
    """Return a manager that isolates by uid, with limits."""
    with running_manager(isolation="uid", memory_limit_mib=512, open_files_limit=512) as running:
        running.root.chmod(0o711)
        yield running


def sql(manager: Manager, user_id: str, query: str) -> requests.Response:
    """Run a query as the superuser of one user's instance."""
    instance = manager.api.run(user_id)
    headers = {"Authorization": mint(manager, user_id)["token"]}
    url = f"{instance['url']}/api/sql"
    return requests.post(url, json={"query": query}, headers=headers, timeout=10)


def test_every_user_has_a_uid_of_its_own(house: Manager) -> None:
    """The processes of two users have different uids, neither root, and cannot gain privileges."""
    uids = set()
    for user_id in ("ann", "ben"):
        process = Path(f"/proc/{house.api.run(user_id)['pid']}")
        uids.add(process.stat().st_uid)
        assert "NoNewPrivs:\t1" in (process / "status").read_text()

    assert len(uids) == 2
    assert 0 not in uids


def test_a_superuser_cannot_attach_the_database_of_another(house: Manager) -> None:
    """``ATTACH`` of another user's database fails, and the own one goes on."""
    ben = house.api.run("ben")
    answer = sql(house, "ann", f"attach database '{ben['db_path']}/data.db' as other")

    assert answer.status_code == 400
    assert "unable to open database" in answer.text
    assert sql(house, "ann", "select 1").status_code == 200


def test_a_superuser_cannot_reach_the_managers_files(house: Manager) -> None:
    """The registry can neither be read nor written from within an instance."""
    registry = house.layout.registry

    assert sql(house, "ann", f"attach database '{registry}' as r").status_code == 400
    stolen = house.layout.root / "stolen.db"
    assert sql(house, "ann", f"vacuum into '{stolen}'").status_code == 400
    assert not stolen.exists()


def test_the_files_belong_to_the_user_alone(house: Manager) -> None:
    """Directories are 0700, files 0600, and all of the user's uid."""
    instance = house.api.run("ann")
    data = Path(instance["db_path"])
    uid = Path(f"/proc/{instance['pid']}").stat().st_uid

    for path in (data, *data.rglob("*")):
        found = path.stat()
        assert found.st_uid == uid, path
        assert stat.S_IMODE(found.st_mode) & 0o077 == 0, path


def test_the_limit_of_open_files_is_set(house: Manager) -> None:
    """It is as the settings say; tests/house/test_limits.py has the others."""
    limits = Path(f"/proc/{house.api.run('ann')['pid']}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    assert line.split()[3:5] == ["512", "512"]
