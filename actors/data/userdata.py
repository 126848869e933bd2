"""What we read and write in a user's own database: the only SQL on what is PocketBase's."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from actors.data.database import Connection, UserDataError, quoted, reading, writing

ALL_MIGRATIONS = "SELECT file, applied FROM _migrations"
FIRST_MIGRATION = """
    SELECT file, applied FROM _migrations WHERE file NOT LIKE '%aux_init%'
    ORDER BY applied, file LIMIT 1
"""
"""The one of the logs' database is applied anew, at a new time, whenever that one is missing."""
AUTH_COLLECTIONS = "SELECT name FROM _collections WHERE type = 'auth'"
AUTH_OPTIONS = "SELECT id, options FROM _collections WHERE type = 'auth'"
SETTINGS = "SELECT value FROM _params WHERE id = 'settings'"
PUT_SUPERUSER = """
    INSERT INTO _superusers
        (id, email, emailVisibility, verified, password, tokenKey, created, updated)
    VALUES (:id, :email, FALSE, TRUE, :hash, :key,
        strftime('%Y-%m-%d %H:%M:%fZ'), strftime('%Y-%m-%d %H:%M:%fZ'))
"""
ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 50
"""PocketBase's own keys are as long."""
SPARE_BYTES = 14
"""So many more are drawn than a key takes: one in 32 is left out."""


def read_identity(data: Path) -> str:
    """Return what tells this database from every other one: when it was made, to the microsecond.

    It is the first row of PocketBase's table of applied migrations, which never changes. Raises
    :class:`UserDataError` when it cannot be read.
    """
    with reading(data) as database:
        row = database.execute(FIRST_MIGRATION).fetchone()
        if row is None:
            raise UserDataError("it has no migrations")
        return f"{row[0]}@{row[1]}"


def identities(data: Path) -> set[str]:
    """Return every text that the database in ``data`` may be known by, whenever it was read.

    Raises :class:`UserDataError` when it cannot be read.
    """
    with reading(data) as database:
        return {f"{row[0]}@{row[1]}" for row in database.execute(ALL_MIGRATIONS)}


def migration_of(identity: str) -> str:
    """Return the name of the migration that made one of the :func:`identities`."""
    return identity.rpartition("@")[0]


def migrations(data: Path) -> frozenset[str]:
    """Return the names of those that the database in ``data`` has had.

    Raises :class:`UserDataError` when it cannot be read.
    """
    with reading(data) as database:
        return _migrations(database)


def _migrations(database: Connection) -> frozenset[str]:
    return frozenset(file for file, _ in database.execute(ALL_MIGRATIONS))


class TokenKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the tokens of one auth record are signed with."""

    collection_id: str
    record_id: str
    secret: str
    seconds: int
    """How long PocketBase itself lets such a token live."""

    def __repr__(self) -> str:
        """Without the secret: what has it may be logged."""
        return f"TokenKey({self.collection_id}/{self.record_id})"


def read_token_key(data: Path, collection: str, record_id: str) -> TokenKey | None:
    """Return the key of one auth record, or None when there is no such record.

    PocketBase signs a token with the record's ``tokenKey`` followed by its collection's secret.
    """
    with reading(data) as database:
        found = _auth_collection(database, collection)
        if found is None:
            return None
        identifier, name, options = found
        query = f"SELECT tokenKey FROM {quoted(name)} WHERE id = ?"
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
    with writing(data) as database:
        return _change_token_keys(database)


def _change_token_keys(database: Connection) -> int:
    changed = 0
    for (name,) in database.execute(AUTH_COLLECTIONS).fetchall():
        table = quoted(name)
        for (record_id,) in database.execute(f"SELECT id FROM {table}").fetchall():
            key = [_random_key(), record_id]
            database.execute(f"UPDATE {table} SET tokenKey = ? WHERE id = ?", key)
            changed += 1
    return changed


def put_superuser(data: Path, email: str, password_hash: str) -> None:
    """Have a superuser with this e-mail address and bcrypt hash."""
    with reading(data) as database:
        query = "SELECT password FROM _superusers WHERE email = ?"
        row = database.execute(query, [email]).fetchone()
    if row is not None and row[0] == password_hash:
        return
    with writing(data) as database:
        values = {"email": email, "hash": password_hash, "key": _random_key()}
        if row is not None:
            database.execute(
                "UPDATE _superusers SET password = :hash, tokenKey = :key WHERE email = :email",
                values,
            )
        else:
            database.execute(PUT_SUPERUSER, values | {"id": secrets.token_hex(8)[:15]})


def renew_secrets(data: Path, identity: str | None = None) -> str:
    """Make a copy of another user's database, with nobody on it, one of its own.

    Collections have the same ids in every PocketBase, so only their secrets keep users apart:
    those of all auth collections and the keys of all auth records are new. So is its identity,
    unless it is to take over the given one and can; the identity that it has is returned.
    """
    with writing(data) as database:
        _change_token_keys(database)
        for identifier, text in database.execute(AUTH_OPTIONS).fetchall():
            options = with_secrets(msgspec.json.decode(text), _random_key)
            values = [msgspec.json.encode(options).decode(), identifier]
            database.execute("UPDATE _collections SET options = ? WHERE id = ?", values)
        file, applied = database.execute(FIRST_MIGRATION).fetchone()
        wanted, _, at = (identity or "").rpartition("@")
        if wanted == file:
            shift = [int(at) - applied]
            database.execute("UPDATE _migrations SET applied = applied + ?", shift)
        else:  # earlier, so it stays the first: one of some 10**15 microseconds
            other = [secrets.randbelow(applied), file]
            database.execute("UPDATE _migrations SET applied = ? WHERE file = ?", other)
    return read_identity(data)


def put_app_name(data: Path, name: str) -> frozenset[str]:
    """Name the application in the settings of a new PocketBase that does not run yet.

    Returns the names of the migrations that its database has had: to open it once more would take
    a start as long as the rest.
    """
    with writing(data, durable=False) as database:
        (value,) = database.execute(SETTINGS).fetchone()
        settings = msgspec.json.decode(value)
        settings["meta"]["appName"] = name
        query = "UPDATE _params SET value = ? WHERE id = 'settings'"
        database.execute(query, [msgspec.json.encode(settings)])
        return _migrations(database)


def with_secrets(options: dict[str, Any], make: Callable[[], str]) -> dict[str, Any]:
    """Return the options of an auth collection with the secrets that ``make`` makes."""
    for value in options.values():
        if isinstance(value, dict) and "secret" in value and "duration" in value:
            value["secret"] = make()
    return options


def _auth_collection(
    database: Connection, name_or_id: str
) -> tuple[str, str, dict[str, Any]] | None:
    query = "SELECT id, name, options FROM _collections WHERE type = 'auth' AND ? IN (id, name)"
    row = database.execute(query, [name_or_id]).fetchone()
    return None if row is None else (row[0], row[1], msgspec.json.decode(row[2]))


def _random_key() -> str:
    """All of it is drawn at once; bytes that would favour some letters are left out."""
    key, fair = "", 256 - 256 % len(ALPHABET)
    while len(key) < KEY_LENGTH:
        drawn = secrets.token_bytes(KEY_LENGTH + SPARE_BYTES)
        key += "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn if byte < fair)
    return key[:KEY_LENGTH]
