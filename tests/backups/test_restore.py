"""Backups of real instances, and their way back."""

from __future__ import annotations

from pathlib import Path

from bus.events import BackupFinished, BackupProven, BackupUnprovable, InstanceRestored
from tests.backups.calls import Backups
from tests.house.manager import Manager
from tests.house.surroundings import eventually
from tests.house.tenant import Tenant
from tests.house.test_access import is_superuser, mint


def tenant_of(manager: Manager, user_id: str) -> Tenant:
    tenant = Tenant(manager.api.run(user_id))
    tenant.make_collection("things")
    tenant.write("things", "before")
    return tenant


def test_a_user_gets_back_what_was_there(manager: Manager) -> None:
    """A restore brings the records of the moment; undone, those that came after are back."""
    tenant = tenant_of(manager, "back")
    backups = Backups(manager, "back")
    backup = backups.make()
    tenant.write("things", "after")
    pid = manager.api.instance("back")["pid"]

    instance = backups.restore(backup)
    assert instance["status"] == "Running"
    assert instance["pid"] != pid
    assert Tenant(instance).titles("things") == ["before"]
    undone = backups.done("POST", "undo_restore")["instance"]
    assert undone["status"] == "Running"
    assert sorted(Tenant(undone).titles("things") or []) == ["after", "before"]
    assert backups.refused("POST", "undo_restore") == "conflict"


def test_a_restored_instance_lives_on(manager: Manager) -> None:
    """It is still the user's own after it was stopped and started again, and the manager too."""
    tenant_of(manager, "on")
    backups = Backups(manager, "on")
    backups.restore(backups.make())
    manager.api.stop("on")
    assert Tenant(manager.api.run("on")).titles("things") == ["before"]
    backups.done("POST", "confirm_restore")
    assert not manager.layout.swap("on").exists()
    assert backups.done("GET", "backups")["restored_at"] is None


def test_a_stopped_instance_is_backed_up_and_restored_without_waking_it(manager: Manager) -> None:
    """Nobody starts it, neither for the one nor for the other."""
    tenant_of(manager, "still")
    manager.api.stop("still")
    backups = Backups(manager, "still")
    with manager.listen("still") as listener:
        backup = backups.make()
        assert listener.until_event(BackupFinished).backup.id == backup
        assert backups.restore(backup)["status"] == "Stopped"
        assert listener.until_event(InstanceRestored).instance.pid is None
    assert Tenant(manager.api.run("still")).titles("things") == ["before"]


def test_another_user_gets_the_data_and_none_of_the_secrets(manager: Manager) -> None:
    """Known or not, no token of the one is worth anything at the other, and both live on."""
    tenant_of(manager, "one")
    manager.api.run("known")
    backups = Backups(manager, "one")
    backup = backups.make()
    for other in ("unheard", "known"):
        backups.restore(backup, to=other)
        manager.api.stop(other)
        theirs, mine = manager.api.run(other), manager.api.instance("one")
        assert Tenant(theirs).titles("things") == ["before"]
        tokens = {user: mint(manager, user)["token"] for user in ("one", other)}
        assert is_superuser(theirs, tokens[other])
        assert not is_superuser(theirs, tokens["one"])
        assert not is_superuser(mine, tokens[other])
        manager.api.stop(other)
        assert manager.api.run(other)["status"] == "Running"


def test_a_backup_is_proven_beside_the_instance(manager: Manager) -> None:
    """PocketBase runs on a copy of it; the instance goes on, and nothing of the copy is left."""
    tenant_of(manager, "proof")
    pid = manager.api.instance("proof")["pid"]
    backups = Backups(manager, "proof")
    assert manager.api.instance("proof")["last_backup"] is None
    backup = backups.make()
    assert backups.list()[0]["proven_at"] is None
    at, shown = backups.list()[0]["taken_at"], manager.api.instance("proof")
    assert (shown["last_backup"], shown["last_proven_backup"]) == (at, None)
    with manager.listen("proof") as listener:
        backups.done("POST", f"backups/{backup}/prove")
        assert listener.until_event(BackupProven).backup.id == backup

    assert backups.done("GET", "backups")["last_proven"] == backup
    listed = manager.api.instances("?fields=last_proven_backup")["proof"]
    assert listed == {"last_proven_backup": at}
    assert manager.api.instance("proof")["pid"] == pid
    assert list(manager.layout.proofs.iterdir()) == []


def test_a_damaged_backup_is_found_and_touches_nothing(manager: Manager) -> None:
    """It cannot be proven, which is told, nor restored; the instance goes on untouched."""
    tenant_of(manager, "bad")
    instance = manager.api.instance("bad")
    backups = Backups(manager, "bad")
    backup = backups.make()
    damage(backups.archive(backup))
    with manager.listen("bad") as listener:
        assert backups.refused("POST", f"backups/{backup}/prove") == "invalid_backup"
        told = listener.until_event(BackupUnprovable)
    assert "damaged" in told.reason
    assert "damaged" in backups.list()[0]["problem"]
    assert backups.refused("POST", f"backups/{backup}/restore") == "invalid_backup"
    assert manager.api.instance("bad")["pid"] == instance["pid"]
    assert not (manager.layout.swap("bad") / "new").exists()


def damage(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)


def test_what_does_not_fit_is_refused(manager: Manager) -> None:
    """Unknown users and backups, instances that never ran, bad bodies."""
    nobody = Backups(manager, "nobody")
    assert nobody.refused("GET", "backups") == "not_found"
    assert nobody.refused("POST", "backups") == "not_found"
    manager.api.run("some")
    some = Backups(manager, "some")
    assert some.refused("POST", "backups/20260101T000000Z-0000/restore") == "not_found"
    assert some.refused("GET", "backups/..%2F..%2Fregistry") == "not_found"
    assert some.refused("DELETE", "backups/none") == "not_found"
    assert some.refused("POST", "confirm_restore") == "conflict"
    assert some.refused("PUT", "backup_policy", json={"keep_last": 0}) == "invalid_request"
    backup = some.make()
    assert some.refused("POST", f"backups/{backup}/restore", json={"to": ""}) == "invalid_request"
    assert (
        some.refused("POST", f"backups/{backup}/restore", json={"to": "a/b"}) == "invalid_user_id"
    )
    manager.api.call("DELETE", "/api/users/some/pb")
    assert some.refused("POST", "backups") == "conflict"
    assert some.refused("POST", f"backups/{backup}/restore") == "conflict"
    assert [each["id"] for each in some.list()] == [backup]


def test_backups_go_with_their_user(manager: Manager) -> None:
    """A renamed user has them; a purged one has none, unless it is said that they are kept."""
    manager.api.run("former")
    backup = Backups(manager, "former").make()
    manager.api.call("POST", "/api/users/former/rename", json={"to": "latter"})
    latter = Backups(manager, "latter")
    assert [each["id"] for each in latter.list()] == [backup]
    assert latter.restore(backup)["user_id"] == "latter"

    manager.api.call("DELETE", "/api/users/latter/pb?purge=true&keep_backups=true")
    assert manager.api.find("latter") is None
    assert latter.restore(backup)["status"] == "Stopped"
    manager.api.call("DELETE", "/api/users/latter/pb?purge=true")
    assert latter.refused("GET", "backups") == "not_found"
    assert not manager.layout.backups("latter").exists()


def test_a_sleeping_instance_is_backed_up_asleep(manager: Manager) -> None:
    """A backup does not wake it; a restore gives it its data, and it runs on them."""
    tenant_of(manager, "asleep").hang_up()

    def sleeps() -> bool:
        return manager.api.call("POST", "/api/users/asleep/sleep").status_code == 200

    eventually(sleeps, "its connection is seen to be closed, and it sleeps")
    backups = Backups(manager, "asleep")
    backup = backups.make()
    assert manager.api.instance("asleep")["status"] == "Hibernated"
    assert backups.restore(backup)["status"] == "Running"
    assert Tenant(manager.api.run("asleep")).titles("things") == ["before"]
