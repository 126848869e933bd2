"""Migrations of the template that an instance has had, and what a restore makes of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import requests

from tests.house.caller import Json
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import command_line, eventually
from tests.house.tenant import Tenant
from tests.house.test_access import mint
from tests.house.test_templates import read

COLLECTION = """
migrate((app) => {{
  const fields = [{{ name: "title", type: "text" }}]
  app.save(new Collection({{ name: "{0}", type: "base", fields: fields }}))
}}, (app) => {{}})
"""
COUNT = "SELECT count(*) FROM _collections WHERE name = 'later'"


def migration(template: Path, number: int, name: str) -> None:
    folder = template / "pb_migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}_{name}.js").write_text(COLLECTION.format(name))


def given(instance: Json) -> Path:
    (flag,) = [word for word in command_line(instance["pid"]) if word.startswith("--migrations")]
    return Path(flag.partition("=")[2])


def back_up(manager: Manager, instance: Json, user_id: str) -> requests.Session:
    """Let PocketBase make a backup of its own, and return what may restore it."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = mint(manager, user_id)["token"]
    url = f"{instance['url']}/api/backups"
    made = session.post(url, json={"name": "before.zip"}, timeout=20)
    assert made.status_code == 204, made.text
    return session


def test_a_backup_from_before_a_migration_has_it_again_when_pocketbase_restores_it(
    tmp_path: Path,
) -> None:
    """PocketBase starts itself anew then, with what it was started with when it had all of it."""
    migration(tmp_path, 1700000000, "early")
    with running_manager(template_path=tmp_path, on_exit="keep") as manager:
        ann = manager.api.run("ann")
        session = back_up(manager, ann, "ann")
        manager.api.stop("ann")
        manager.kill()
        migration(tmp_path, 1700000001, "later")
        manager.start()
        ann = manager.api.run("ann")
        assert given(ann).parent.parent == manager.layout.control / "templates"
        assert read(ann, COUNT) == [(1,)]
        manager.api.stop("ann")
        ann = manager.api.run("ann")
        assert given(ann) == manager.layout.migrations("ann")
        Tenant(ann).write("later", "lost")

        session.post(f"{ann['url']}/api/backups/before.zip/restore", timeout=20)
        eventually(lambda: is_restored(ann), "what was restored had the later migration, too")
        assert manager.api.instance("ann")["pid"] == ann["pid"]
        manager.api.stop("ann")


def is_restored(instance: Json) -> bool:
    try:
        return read(instance, "SELECT title FROM later") == []
    except sqlite3.OperationalError:  # no such table yet, or the files are being exchanged
        return False
