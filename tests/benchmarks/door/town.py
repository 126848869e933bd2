"""A town of users who have been there before: their data, and their rows in the registry."""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actors.layout import Layout, make_private_directory
from actors.records import Record
from actors.store import Store
from bus.states import Desired, Status
from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan

MODEL = "model"
"""The user that all others begin as a copy of."""
MIGRATION = """
migrate((app) => {
  const text = (name) => ({ type: "text", name })
  app.save(new Collection({ type: "base", name: "owner", listRule: "", fields: [text("name")] }))
  app.save(new Collection({
    type: "base", name: "visits", listRule: "", createRule: "", fields: [text("of")],
  }))
  const owner = new Record(app.findCollectionByNameOrId("owner"))
  owner.set("name", "model")
  app.save(owner)
}, (app) => {})
"""


def name(number: int) -> str:
    """Return the user of that number."""
    return f"user{number:05d}"


def build(plan: Plan, known: int, called: set[int]) -> dict[str, Any]:
    """Make so many known users, all of them asleep.

    Those who will be ``called`` have data as well: each one's database has the name of its owner.
    Returns the settings for the manager that is to serve them.
    """
    settings: dict[str, Any] = {"PB_TEMPLATE_PATH": str(_template(plan.root)), "PB_SEEDS": "0"}
    with Manager(plan, **settings) as manager:
        manager.api.init(MODEL)
        manager.api.stop(MODEL)
        layout = Layout(root=manager.settings.user_dbs_path, control=manager.settings.control_path)
    store = Store(layout.registry)
    model = store.get(MODEL)
    assert model is not None
    for number in range(known):
        store.put(_sleeper(name(number), model))
    for number in called:
        _settle(layout.data(MODEL), layout.data(name(number)), name(number))
    store.close()
    return settings


def _sleeper(user_id: str, model: Record) -> Record:
    """Return the row of a user who sleeps, and has the same past as another."""
    fields = {field: getattr(model, field) for field in ("version", "binary", "identity", "run")}
    return Record(
        user_id=user_id,
        status=Status.HIBERNATED,
        desired=Desired.RUNNING,
        reason="Nobody used it for 300 s",
        created_at=datetime.now(UTC),
        **fields,
    )


def _settle(model: Path, data: Path, user_id: str) -> None:
    make_private_directory(data)
    for file in model.iterdir():
        if file.name == "types.d.ts":  # large, and the same for all
            os.link(file, data / file.name)
        elif file.is_file():
            shutil.copy2(file, data / file.name)
    database = sqlite3.connect(data / "data.db", isolation_level=None)
    database.execute("UPDATE owner SET name = ?", (user_id,))
    database.close()


def _template(root: Path) -> Path:
    migrations = root / "template" / "pb_migrations"
    migrations.mkdir(parents=True)
    (migrations / "1700000000_town.js").write_text(MIGRATION)
    return root / "template"
