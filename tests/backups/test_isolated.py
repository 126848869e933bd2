"""Backups where each user's process has a uid of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.backups.calls import Backups
from tests.house.manager import running_manager
from tests.house.tenant import Tenant

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing the uid takes root")


def test_what_is_restored_belongs_to_the_user_and_its_backups_to_nobody_else() -> None:
    """Made, proven, gone back to, given to another and brought in, each under the right uid."""
    with running_manager(isolation="uid") as manager:
        manager.root.chmod(0o711)
        instance = manager.api.run("ann")
        uid = Path(f"/proc/{instance['pid']}").stat().st_uid
        tenant = Tenant(instance)
        tenant.make_collection("things")
        tenant.write("things", "before")
        backups = Backups(manager, "ann")
        backup = backups.make()
        assert manager.layout.backups_root.stat().st_mode & 0o077 == 0
        assert backups.archive(backup).stat().st_uid == 0
        backups.done("POST", f"backups/{backup}/prove")

        restored = backups.restore(backup)
        assert Path(f"/proc/{restored['pid']}").stat().st_uid == uid
        assert (Path(restored["db_path"]) / "data.db").stat().st_uid == uid
        assert Tenant(restored).titles("things") == ["before"]
        backups.restore(backup, to="ben")
        with backups.archive(backup).open("rb") as file:
            Backups(manager, "cat").done("POST", "import", data=file)
        for other in ("ben", "cat"):
            theirs = manager.api.run(other)
            assert Path(f"/proc/{theirs['pid']}").stat().st_uid not in (0, uid)
            assert Tenant(theirs).titles("things") == ["before"]
        assert list(manager.layout.proofs.iterdir()) == []
