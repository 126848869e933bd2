"""The whole life of a user: deleted, undeleted, purged, renamed, cloned."""

from __future__ import annotations

from pathlib import Path

from bus.events import InstanceDeleted, InstanceRenamed, InstanceUndeleted
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE, eventually
from tests.house.tenant import Tenant
from tests.house.test_access import is_superuser, mint


def post(manager: Manager, user_id: str, call: str, **body: str) -> int:
    path = f"/api/users/{user_id}/{call}"
    return manager.api.call("POST", path, json=body or None).status_code


def delete(manager: Manager, user_id: str, query: str = "") -> int:
    return manager.api.call("DELETE", f"/api/users/{user_id}/pb{query}").status_code


def test_a_deleted_user_comes_back_whole(manager: Manager) -> None:
    """Deleting stops the instance and keeps the data; undeleting brings them back."""
    instance = manager.api.run("del")
    tenant = Tenant(instance)
    tenant.make_collection("things")
    tenant.write("things", "kept")

    assert delete(manager, "del") == 200
    assert not Path(instance["db_path"]).exists()
    assert manager.api.instance("del")["deleted_at"] is not None
    assert manager.api.init_pb("del").status_code == 409
    assert post(manager, "del", "undelete") == 200
    assert Tenant(manager.api.run("del")).titles("things") == ["kept"]


def test_a_deletion_answers_those_who_wait_for_a_start() -> None:
    """``init_pb`` under way is a conflict when the user is deleted meanwhile."""
    with running_manager(misbehaving_children=True) as manager:
        waiting = manager.api.begin_init("silent.1")
        eventually(lambda: manager.api.find("silent.1") is not None, "it starts")
        assert delete(manager, "silent.1") == 200

        assert waiting.result(PATIENCE).status_code == 409


def test_a_subscriber_hears_of_it(manager: Manager) -> None:
    """Deleting, undeleting and renaming are events that carry the instance as it is then."""
    manager.api.run("heard")
    with manager.listen("heard") as listener:
        delete(manager, "heard")
        deleted = listener.until_event(InstanceDeleted)
        post(manager, "heard", "undelete")
        undeleted = listener.until_event(InstanceUndeleted)
        post(manager, "heard", "rename", to="told")
        renamed = listener.until_event(InstanceRenamed)

    assert deleted.instance is not None
    assert deleted.instance.deleted_at is not None
    assert undeleted.instance.deleted_at is None
    assert (renamed.to, renamed.instance.user_id) == ("told", "told")


def test_a_purged_user_is_gone(manager: Manager) -> None:
    """Purging removes data, log and record; the same id begins anew."""
    instance = manager.api.run("gone")
    Tenant(instance).make_collection("things")

    assert delete(manager, "gone", "?purge=true") == 200
    assert manager.api.find("gone") is None
    assert not Path(instance["db_path"]).exists()
    assert not manager.layout.log("gone").exists()
    assert Tenant(manager.api.run("gone")).titles("things") is None


def test_the_grace_period_ends() -> None:
    """A deleted user is purged by the manager itself when the time is over."""
    with running_manager(delete_grace="0") as manager:
        manager.api.run("brief")
        assert delete(manager, "brief") == 200
        manager.stop()
        manager.start()
        eventually(lambda: manager.api.find("brief") is None, "purged")


def test_a_renamed_user_keeps_everything(manager: Manager) -> None:
    """Data, metadata and the wish to run go over to the new id; the old one is free again."""
    instance = manager.api.run("old")
    Tenant(instance).make_collection("things")
    manager.api.call("PUT", "/api/users/old/metadata", json={"a": 1})

    assert post(manager, "old", "rename", to="new") == 200
    assert manager.api.find("old") is None
    renamed = manager.api.run("new")
    assert Tenant(renamed).titles("things") == []
    assert manager.api.call("GET", "/api/users/new/metadata").json()["metadata"] == {"a": 1}
    assert Tenant(manager.api.run("old")).titles("things") is None


def test_nobody_is_renamed_over_another(manager: Manager) -> None:
    """An id that has an instance is no target; a bad one is refused."""
    manager.api.run("one")
    manager.api.run("two")

    assert post(manager, "one", "rename", to="two") == 409
    assert post(manager, "one", "clone", to="two") == 409
    assert post(manager, "one", "rename", to="../two") == 400
    assert post(manager, "nobody", "clone", to="three") == 404


def test_a_clone_shares_data_but_no_secret(manager: Manager) -> None:
    """The copy has the records of the running original, and neither takes the other's tokens."""
    source = manager.api.run("source")
    tenant = Tenant(source)
    tenant.make_collection("things")
    tenant.write("things", "copied")

    assert post(manager, "source", "clone", to="copy") == 200
    copy = manager.api.run("copy")
    of_source, of_copy = (mint(manager, user)["token"] for user in ("source", "copy"))
    assert is_superuser(source, of_source)
    assert is_superuser(copy, of_copy)
    assert not is_superuser(copy, of_source)
    assert not is_superuser(source, of_copy)
    tenant.write("things", "later")
    assert Tenant(copy).titles("things") == ["copied"]
    manager.api.stop("copy")
    assert manager.api.run("copy")["status"] == "Running"
