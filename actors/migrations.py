"""Migrations: the format of the registry, step by step, as :mod:`actors.store` makes it."""

MIGRATIONS = (
    """
    CREATE TABLE instances (
        user_id     TEXT PRIMARY KEY,
        epoch       INTEGER NOT NULL,
        status      TEXT NOT NULL,
        desired     TEXT NOT NULL,
        reason      TEXT NOT NULL,
        port        INTEGER,
        pid         INTEGER,
        start_ticks INTEGER,
        boot_id     TEXT,
        exe         TEXT,
        run         INTEGER NOT NULL,
        restarts    INTEGER NOT NULL,
        uid         INTEGER,
        version     TEXT,
        identity    TEXT,
        failure     TEXT,
        created_at  TEXT NOT NULL,
        started_at  TEXT,
        stopped_at  TEXT,
        deleted_at  TEXT,
        renaming_to TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE history (
        id       INTEGER PRIMARY KEY,
        user_id  TEXT NOT NULL,
        at       TEXT NOT NULL,
        run      INTEGER NOT NULL,
        status   TEXT NOT NULL,
        reason   TEXT NOT NULL,
        failure  TEXT
    ) STRICT;
    CREATE TABLE metadata (
        user_id  TEXT PRIMARY KEY,
        value    TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX history_of_user ON history (user_id, id);
    """,
    """
    ALTER TABLE instances ADD COLUMN binary TEXT;
    ALTER TABLE instances ADD COLUMN refused TEXT;
    """,
    """
    CREATE TABLE sleep_policies (
        user_id  TEXT PRIMARY KEY,
        value    TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    "ALTER TABLE instances ADD COLUMN incarnation INTEGER;",
    """
    CREATE TABLE departures (
        user_id  TEXT PRIMARY KEY,
        epoch    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE leftovers (
        user_id  TEXT NOT NULL,
        epoch    INTEGER NOT NULL,
        at       TEXT NOT NULL,
        heir     TEXT,
        PRIMARY KEY (user_id, epoch)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE leftovers_of (
        user_id  TEXT NOT NULL,
        epoch    INTEGER NOT NULL,
        at       TEXT NOT NULL,
        heir     TEXT,
        PRIMARY KEY (user_id, epoch, at)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO leftovers_of SELECT user_id, epoch, at, heir FROM leftovers;
    DROP TABLE leftovers;
    ALTER TABLE leftovers_of RENAME TO leftovers;
    """,
)
"""The n-th script takes a registry from format n to n + 1 (``PRAGMA user_version``)."""
