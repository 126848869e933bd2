"""Store: the durable registry of all users. The only SQL.

SQLite in WAL mode. Every row is also held in memory, so that reading costs no I/O and never waits
for a writer. ``synchronous=NORMAL``: what is written survives the death of the manager; a power
cut may take the last moments (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import bisect
import contextlib
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.clock import utc_now
from actors.migrations import MIGRATIONS
from actors.records import Leftover, Record
from bus.causes import Cause
from bus.errors import InstanceIOError, SettingsError
from bus.history import Transition
from bus.labels import Hashed
from bus.sleep import SleepPolicy
from bus.states import Status

_T = TypeVar("_T")

COLUMNS = tuple(field for field in Record.__struct_fields__ if field != "last_health_check")
_PUT = (
    f"INSERT INTO instances ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
    "ON CONFLICT (user_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[1:])
)
_PUT_DEPARTURE = "INSERT OR REPLACE INTO departures (user_id, epoch) VALUES (?, ?)"
_PUT_LEFTOVER = (
    "INSERT OR REPLACE INTO leftovers (user_id, epoch, at, heir) "
    "VALUES (:user_id, :epoch, :at, :heir)"
)
_PUT_HISTORY = (
    "INSERT INTO history (user_id, at, run, status, reason, failure) VALUES (?, ?, ?, ?, ?, ?)"
)
_PRUNE_HISTORY = """
    DELETE FROM history WHERE user_id = ?1 AND id <= (
        SELECT id FROM history WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
"""
HISTORY = 100
"""Transitions that are kept of each user."""
PRUNED_EACH = 10
"""So many more there may be on the disk: to look for the oldest at each would take its time."""


class Store:
    """The rows of all users. Any thread may read and write; one row has one writer, its actor."""

    def __init__(self, path: Path) -> None:
        """Open the registry, made or migrated as needed.

        Raises :class:`SettingsError` when it is damaged or of a newer format; the file stays as it
        is then.
        """
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._user_ids: list[str] = []
        self._hashed = Hashed()
        self._counts: Counter[Status] = Counter()
        self._owed: set[str] = set()
        self._unpruned: dict[str, int] = {}
        """Lines of history since the last pruning, of those who had some since the launch."""
        self._database, records, self._sleep_policies, self.departures = _open(path)
        """Those who have another name now, of which the hosts are not told yet, and the epoch."""
        for record in records:
            self._remember(record)

    def get(self, user_id: str) -> Record | None:
        """The user's row, or None."""
        return self._records.get(user_id)

    def labelled(self, label: str) -> str | None:
        """The user with that hashed label, or None."""
        return self._hashed.find(label)

    def put(self, record: Record, *, entered: datetime | None = None) -> None:
        """Write the row, and a line of history when its status was ``entered`` then.

        Raises :class:`InstanceIOError` when the disk refuses: nothing has changed then.
        """
        row = _write(record)
        with self._lock:
            with _transaction(self._database) as database:
                database.execute(_PUT, [row[column] for column in COLUMNS])
                if entered is not None:
                    self._put_history(database, row, entered)
            self._owed.discard(record.user_id)
            self._remember(record)

    def _put_history(
        self, database: sqlite3.Connection, row: dict[str, Any], entered: datetime
    ) -> None:
        values = (row["user_id"], entered.isoformat(), row["run"], row["status"], row["reason"])
        database.execute(_PUT_HISTORY, [*values, row["failure"]])
        unpruned = self._unpruned.get(row["user_id"], PRUNED_EACH)
        if unpruned >= PRUNED_EACH:  # at the first, too: a launch may see few of each user
            database.execute(_PRUNE_HISTORY, [row["user_id"], HISTORY])
            unpruned = 0
        self._unpruned[row["user_id"]] = unpruned + 1

    def history(self, user_id: str) -> list[Transition]:
        """The user's latest transitions, oldest first."""
        fields = Transition.__struct_fields__
        query = (
            f"SELECT {', '.join(fields)} FROM history WHERE user_id = ? ORDER BY id DESC LIMIT ?"
        )
        with self._lock:
            rows = self._database.execute(query, [user_id, HISTORY]).fetchall()
        return [_read(dict(zip(fields, row, strict=True)), Transition) for row in reversed(rows)]

    def owe(self, record: Record) -> None:
        """Change the row now, and write it when the disk takes it again (:meth:`catch_up`)."""
        with self._lock:
            self._owed.add(record.user_id)
            self._remember(record)

    def catch_up(self) -> None:
        """Write what is owed. Raises as :meth:`put` does."""
        for user_id in list(self._owed):
            record = self._records.get(user_id)
            if record is not None:
                self.put(record)
            self._owed.discard(user_id)

    def problem(self) -> str | None:
        """Why the registry cannot be written now; None: it was, just for that."""
        try:
            with self._lock, _transaction(self._database) as database:
                database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")  # which it is
        except InstanceIOError as error:
            return error.message
        return f"{len(self._owed)} changes are still to be written" if self._owed else None

    def put_in_memory(self, record: Record) -> None:
        """Change the row for this life of the manager only."""
        with self._lock:
            self._remember(record)

    def metadata(self, user_id: str) -> dict[str, Any]:
        """What the app has put beside the user's instance."""
        query = "SELECT value FROM metadata WHERE user_id = ?"
        with self._lock:
            row = self._database.execute(query, [user_id]).fetchone()
        return {} if row is None else msgspec.json.decode(row[0], type=dict[str, Any])

    def put_metadata(self, user_id: str, metadata: dict[str, Any]) -> None:
        """Keep it. Raises :class:`InstanceIOError` when the disk refuses."""
        query = "INSERT OR REPLACE INTO metadata (user_id, value) VALUES (?, ?)"
        with self._lock, _refusals():
            self._database.execute(query, [user_id, msgspec.json.encode(metadata).decode()])

    def sleep_policies(self) -> list[SleepPolicy]:
        """When those sleep of whom something was decided."""
        with self._lock:
            return list(self._sleep_policies.values())

    def sleep_policy(self, user_id: str) -> SleepPolicy | None:
        """When the user sleeps, if that was decided."""
        return self._sleep_policies.get(user_id)

    def put_sleep_policy(self, user_id: str, policy: SleepPolicy) -> None:
        """Keep it. Raises :class:`InstanceIOError` when the disk refuses."""
        query = "INSERT OR REPLACE INTO sleep_policies (user_id, value) VALUES (?, ?)"
        with self._lock, _refusals():
            self._database.execute(query, [user_id, msgspec.json.encode(policy).decode()])
            self._sleep_policies[user_id] = policy

    def forget(self, user_id: str) -> None:
        """Remove everything about the user. Raises :class:`InstanceIOError` when that fails."""
        with self._lock:
            with _transaction(self._database) as database:
                for table in ("instances", "history", "metadata", "sleep_policies"):
                    database.execute(f"DELETE FROM {table} WHERE user_id = ?", [user_id])
            self._sleep_policies.pop(user_id, None)
            self._drop(user_id)

    def rename(self, record: Record, new: str) -> Record:
        """Have everything about the user be about user ``new``; return the new row.

        Its epoch is higher: the data have a new owner. Raises :class:`InstanceIOError`.
        """
        old, epoch = record.user_id, record.epoch + 1
        left = Leftover(user_id=old, epoch=record.epoch, at=utc_now(), heir=new)
        renamed = msgspec.structs.replace(
            record, user_id=new, epoch=epoch, incarnation=None, renaming_to=None
        )
        row = _write(renamed)
        with self._lock:
            with _transaction(self._database) as database:
                database.execute("DELETE FROM instances WHERE user_id = ?", [old])
                database.execute(_PUT, [row[column] for column in COLUMNS])
                for table in ("history", "metadata", "sleep_policies"):
                    values = [new, old]
                    database.execute(f"UPDATE {table} SET user_id = ? WHERE user_id = ?", values)
                database.execute(_PUT_LEFTOVER, msgspec.to_builtins(left))
                if record.incarnation is not None:
                    database.execute(_PUT_DEPARTURE, [old, record.epoch])
            if old in self._sleep_policies:
                self._sleep_policies[new] = self._sleep_policies.pop(old)
            if record.incarnation is not None:
                self.departures[old] = record.epoch
            self._drop(old)
            self._remember(renamed)
        return renamed

    def told(self, user_id: str) -> None:
        """The hosts know that the user has another name now. Raises :class:`InstanceIOError`."""
        with self._lock, _refusals():
            self._database.execute("DELETE FROM departures WHERE user_id = ?", [user_id])
            self.departures.pop(user_id, None)

    def leftovers(self, user_id: str | None = None) -> list[Leftover]:
        """What of users who are not there any more, or of that one, is to be removed elsewhere."""
        names = Leftover.__struct_fields__
        whose, of = ("", []) if user_id is None else (" WHERE user_id = ?", [user_id])
        query = f"SELECT {', '.join(names)} FROM leftovers{whose} ORDER BY at"
        with self._lock:
            rows = self._database.execute(query, of).fetchall()
        return [msgspec.convert(dict(zip(names, row, strict=True)), Leftover) for row in rows]

    def leave(self, left: Leftover) -> None:
        """Note what is to be removed elsewhere when the user is not known any more.

        Raises :class:`InstanceIOError` when the disk refuses.
        """
        with self._lock, _refusals():
            self._database.execute(_PUT_LEFTOVER, msgspec.to_builtins(left))

    def spare(self, record: Record, *, but: Leftover | None = None) -> None:
        """Forget what was noted for a purge of that very user, who is still there; not ``but``.

        Raises :class:`InstanceIOError` when the disk refuses.
        """
        for left in self.leftovers(record.user_id):
            if left.heir is None and record.created_at <= left.at and left != but:
                self.removed(left)

    def removed(self, left: Leftover) -> None:
        """It is. Raises :class:`InstanceIOError` when the disk refuses."""
        query = "DELETE FROM leftovers WHERE user_id = :user_id AND epoch = :epoch AND at = :at"
        with self._lock, _refusals():
            self._database.execute(query, msgspec.to_builtins(left))

    def total(self, status: Status | None = None) -> int:
        """How many users are known, or are in ``status``."""
        return len(self._records) if status is None else self._counts[status]

    def page(self, status: Status | None, limit: int, after: str) -> tuple[list[Record], bool]:
        """The first ``limit`` rows behind user id ``after``, and whether there are more."""
        with self._lock:
            found: list[Record] = []
            for user_id in self._user_ids[bisect.bisect_right(self._user_ids, after) :]:
                record = self._records[user_id]
                if status in (None, record.status):
                    if len(found) == limit:
                        return found, True
                    found.append(record)
            return found, False

    def records(self, status: Status | None = None) -> list[Record]:
        """All rows, or those in ``status``, in the order of their user ids."""
        with self._lock:
            rows = [self._records[user_id] for user_id in self._user_ids]
        return rows if status is None else [row for row in rows if row.status is status]

    def has_claimed(self, incarnation: int) -> bool:
        """Whether somebody was claimed under that membership."""
        return any(record.incarnation == incarnation for record in self.records())

    def close(self) -> None:
        """Write what is owed, if that is possible now, and close the database."""
        with contextlib.suppress(InstanceIOError):
            self.catch_up()
        with self._lock:
            self._database.close()

    def _drop(self, user_id: str) -> None:
        old = self._records.pop(user_id, None)
        self._unpruned.pop(user_id, None)
        if old is not None:
            self._counts[old.status] -= 1
            self._user_ids.remove(user_id)
            self._hashed.remove(user_id)

    def _remember(self, record: Record) -> None:
        old = self._records.get(record.user_id)
        if old is None:
            bisect.insort(self._user_ids, record.user_id)
            self._hashed.add(record.user_id)
        else:
            self._counts[old.status] -= 1
        self._records[record.user_id] = record
        self._counts[record.status] += 1


def _write(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(record)
    if row["failure"] is not None:
        row["failure"] = msgspec.json.encode(row["failure"]).decode()
    return row


def _read(row: dict[str, Any], row_type: type[_T]) -> _T:
    if row["failure"] is not None:
        row["failure"] = msgspec.json.decode(row["failure"])
    return msgspec.convert(row, row_type)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise InstanceIOError(
            f"IO error: cannot write the registry: {error}", cause=Cause.IO_ERROR
        ) from error


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    with _refusals():
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise


def _open(
    path: Path,
) -> tuple[sqlite3.Connection, list[Record], dict[str, SleepPolicy], dict[str, int]]:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)  # before SQLite, which gives the log beside it the same mode
        with contextlib.ExitStack() as stack:
            database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=5
            )
            stack.callback(database.close)
            _migrate(database, path)
            read = _read_records(database), _read_sleep_policies(database)
            departures = dict(database.execute("SELECT user_id, epoch FROM departures"))
            stack.pop_all()
            return database, *read, departures
    except (OSError, sqlite3.DatabaseError, msgspec.DecodeError) as error:
        raise SettingsError(
            f"The registry {path} cannot be read ({error}); it was left as it is: restore it from "
            "a copy, or move it away to begin with an empty one"
        ) from error


def _read_records(database: sqlite3.Connection) -> list[Record]:
    rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM instances").fetchall()
    return [_read(dict(zip(COLUMNS, row, strict=True)), Record) for row in rows]


def _read_sleep_policies(database: sqlite3.Connection) -> dict[str, SleepPolicy]:
    rows = database.execute("SELECT user_id, value FROM sleep_policies").fetchall()
    return {user: msgspec.json.decode(value, type=SleepPolicy) for user, value in rows}


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise SettingsError(
            f"The registry {path} has format {version}, this version knows up to "
            f"{len(MIGRATIONS)}; it was left as it is: start the newer version again"
        )
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("damaged pages")
    if pending := "".join(MIGRATIONS[version:]):
        database.executescript(f"BEGIN; {pending} PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
