"""What we read and write in a user's own database: the only SQL on what is PocketBase's."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

FIRST_MIGRATION = "SELECT file, applied FROM _migrations ORDER BY applied, file LIMIT 1"
AUTH_COLLECTIONS = "SELECT name FROM _collections WHERE type = 'auth'"
PUT_SUPERUSER = """
    INSERT INTO _superusers
        (id, email, emailVisibility, verified, password, tokenKey, created, updated)
    VALUES (:id, :email, FALSE, TRUE, :hash, :key,
        strftime('%Y-%m-%d %H:%M:%fZ'), strftime('%Y-%m-%d %H:%M:%fZ'))
"""
ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 50
"""PocketBase's own keys are as long."""
BUSY_TIMEOUT = 5.0
"""Seconds to wait for PocketBase's own write to end."""


class UserDataError(Exception):
    """A user's database cannot be read, or is none of PocketBase's."""


def read_identity(data: Path) -> str:
    """Return what tells this database from every other one: when it was made, to the microsecond.

    It is the first row of PocketBase's table of applied migrations, which never changes. Raises
    :class:`UserDataError` when it cannot be read.
    """
    with _reading(data) as database:
        row = database.execute(FIRST_MIGRATION).fetchone()
        if row is None:
            raise UserDataError("it has no migrations")
        return f"{row[0]}@{row[1]}"


@contextlib.contextmanager
def _reading(data: Path) -> Iterator[sqlite3.Connection]:
    # A database without a log is opened as immutable: no -shm file is left beside it.
    log = data / "data.db-wal"
    quiet = "" if log.exists() and log.stat().st_size else "&immutable=1"
    try:
        database = sqlite3.connect(f"{(data / 'data.db').as_uri()}?mode=ro{quiet}", uri=True)
        try:
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise UserDataError(str(error)) from error


class TokenKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the tokens of one auth record are signed with."""

    collection_id: str
    record_id: str
    secret: str
    seconds: int
    """How long PocketBase itself lets such a token live."""


def read_token_key(data: Path, collection: str, record_id: str) -> TokenKey | None:
    """Return the key of one auth record, or None when there is no such record.

    PocketBase signs a token with the record's ``tokenKey`` followed by its collection's secret.
    """
    with _reading(data) as database:
        found = _auth_collection(database, collection)
        if found is None:
            return None
        identifier, name, options = found
        query = f"SELECT tokenKey FROM {_quoted(name)} WHERE id = ?"
        row = database.execute(query, [record_id]).fetchone()
        if row is None:
            return None
        token = options["authToken"]
        return TokenKey(
            collection_id=identifier,
            record_id=record_id,
            secret=f"{row[0]}{token['secret']}",
            seconds=token["duration"],
        )


def change_token_keys(data: Path) -> int:
    """Give every auth record a new key, so that no token given so far is worth anything.

    Returns how many. PocketBase reads the key at each request, so it holds at once.
    """
    changed = 0
    with _writing(data) as database:
        names = [row[0] for row in database.execute(AUTH_COLLECTIONS)]
        for name in names:
            table = _quoted(name)
            for (record_id,) in database.execute(f"SELECT id FROM {table}").fetchall():
                key = [_random_key(), record_id]
                database.execute(f"UPDATE {table} SET tokenKey = ? WHERE id = ?", key)
                changed += 1
    return changed


def put_superuser(data: Path, email: str, password_hash: str) -> None:
    """Have a superuser with this e-mail address and bcrypt hash."""
    with _reading(data) as database:
        query = "SELECT password FROM _superusers WHERE email = ?"
        row = database.execute(query, [email]).fetchone()
    if row is not None and row[0] == password_hash:
        return
    with _writing(data) as database:
        values = {"email": email, "hash": password_hash, "key": _random_key()}
        if row is not None:
            database.execute(
                "UPDATE _superusers SET password = :hash, tokenKey = :key WHERE email = :email",
                values,
            )
        else:
            database.execute(PUT_SUPERUSER, values | {"id": secrets.token_hex(8)[:15]})


def copy_with_new_secrets(source: Path, target: Path) -> str:
    """Copy the database in ``source``, which may be in use, to ``target``; return its identity.

    Collections have the same ids in every PocketBase, so only their secrets keep users apart:
    those of all auth collections and the keys of all auth records are new in the copy.
    """
    with _reading(source) as database:
        database.execute("VACUUM INTO ?", [str(target / "data.db")])
    change_token_keys(target)
    with _writing(target) as database:
        query = "SELECT id, options FROM _collections WHERE type = 'auth'"
        for identifier, text in database.execute(query).fetchall():
            options = _with_new_secrets(msgspec.json.decode(text))
            values = [msgspec.json.encode(options).decode(), identifier]
            database.execute("UPDATE _collections SET options = ? WHERE id = ?", values)
        database.execute(
            "UPDATE _migrations SET applied = applied + ?", [1 + secrets.randbelow(10**9)]
        )
    return read_identity(target)


def _with_new_secrets(options: dict[str, Any]) -> dict[str, Any]:
    for value in options.values():
        if isinstance(value, dict) and "secret" in value and "duration" in value:
            value["secret"] = _random_key()
    return options


def _auth_collection(
    database: sqlite3.Connection, name_or_id: str
) -> tuple[str, str, dict[str, Any]] | None:
    query = "SELECT id, name, options FROM _collections WHERE type = 'auth' AND ? IN (id, name)"
    row = database.execute(query, [name_or_id]).fetchone()
    return None if row is None else (row[0], row[1], msgspec.json.decode(row[2]))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _random_key() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(KEY_LENGTH))


@contextlib.contextmanager
def _writing(data: Path) -> Iterator[sqlite3.Connection]:
    """One transaction, beside a PocketBase that may be running: SQLite keeps them apart."""
    try:
        database = sqlite3.connect(
            f"{(data / 'data.db').as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT
        )
        try:
            with database:
                yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise UserDataError(str(error)) from error
