"""A manager that is killed while it restores: the next one has old or new data, and whole.

``PBLM_EVERY_STEP=1`` tries every step, which takes a minute or two.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import requests

from tests.backups.calls import Backups
from tests.house.manager import Manager, manager_of
from tests.house.surroundings import eventually
from tests.house.tenant import Tenant

CRASHING = Path(__file__).with_name("crashing.py")
ALL_STEPS = range(30)
"""More than a restore has: the last ones are never reached."""
SOME_STEPS = (9, 12, 19)
"""Between the two renames, between the files and the registry, before it is proven."""
STEPS = ALL_STEPS if os.environ.get("PBLM_EVERY_STEP") else SOME_STEPS


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_step_leaves_old_or_new_data(step: int) -> None:
    """The instance runs again as it did, on all of the one or all of the other."""
    with manager_of(launcher=(sys.executable, str(CRASHING), str(step))) as manager:
        manager.start()
        tenant = Tenant(manager.api.run("alice"))
        tenant.make_collection("things")
        tenant.write("things", "before")
        backups = Backups(manager, "alice")
        backup = backups.make()
        tenant.write("things", "after")
        try:
            backups.restore(backup)
        except requests.ConnectionError:
            assert step < ALL_STEPS[-1]
        manager.kill()

        manager.without_launcher()
        manager.start()
        found = titles(manager)
        assert found in (["before"], ["after", "before"])
        manager.api.run("alice", force_restart=True)
        assert titles(manager) == found
        assert not (manager.layout.swap("alice") / "new").exists()
        if (manager.layout.swap("alice") / "old").exists():
            assert found == ["before"]
            backups.done("POST", "undo_restore")
            assert titles(manager) == ["after", "before"]
        manager.stop()


def titles(manager: Manager) -> list[str]:
    """Return what the instance holds once it runs by itself, and nothing is under way."""
    eventually(lambda: manager.api.instance("alice")["status"] == "Running", "it runs again")
    return sorted(Tenant(manager.api.instance("alice")).titles("things") or [])
