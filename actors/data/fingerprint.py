"""What one first start of PocketBase has in common with another."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from actors.data.database import Connection, quoted, reading
from actors.data.userdata import with_secrets

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def fingerprint(data: Path) -> dict[str, str]:
    """Return a digest of the schema and of each table.

    Left out is what :func:`actors.data.userdata.renew_secrets` makes anew, the application's name,
    and when something was made. So two first starts differ only in what is each install's own
    beyond that.
    """
    with reading(data) as database:
        volatile = _volatile_columns(database)
        schema = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
        digests = {"the schema": _digest(schema.fetchall())}
        for (table,) in database.execute(TABLES).fetchall():
            cursor = database.execute(f"SELECT * FROM {quoted(table)}")
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
            digests[table] = _digest([_lasting(table, row, volatile) for row in rows])
    return digests


def _volatile_columns(database: Connection) -> dict[str, set[str]]:
    times = {"created", "updated"}
    volatile = {"_migrations": {"applied"}, "_collections": times, "_params": times}
    for name, kind, fields in database.execute("SELECT name, type, fields FROM _collections"):
        dates = {each["name"] for each in msgspec.json.decode(fields) if each["type"] == "autodate"}
        volatile[name] = dates | ({"tokenKey"} if kind == "auth" else set())
    return volatile


def _lasting(table: str, row: dict[str, Any], volatile: dict[str, set[str]]) -> dict[str, Any]:
    row = {name: value for name, value in row.items() if name not in volatile.get(table, ())}
    if table == "_collections":
        row["options"] = with_secrets(msgspec.json.decode(row["options"]), str)
    if table == "_params" and row["id"] == "settings":
        row["value"] = msgspec.json.decode(row["value"])
        row["value"]["meta"].pop("appName")
    return row


def _digest(rows: list[Any]) -> str:
    encoded = sorted(msgspec.json.encode(row, order="sorted") for row in rows)
    return hashlib.sha256(b"\n".join(encoded)).hexdigest()
