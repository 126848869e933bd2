"""Answers: replicas."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.answers.base import Answer


class ReplicaGeneration(msgspec.Struct, frozen=True, kw_only=True):
    """An unbroken line of changes to one database, and when it began."""

    name: str
    began_at: datetime


class ReplicaAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetReplica``."""

    user_id: str
    url: str
    """Where the user's replicas are."""
    generations: list[ReplicaGeneration]
    """Oldest first; the last one is written."""
    written_at: datetime | None
    """When the last one was written to: with each change, and at each start."""
    files: int
    """Uploaded files that are there."""
    files_copied_at: datetime | None
    """When all of them were, by this manager; null: not yet."""
    problem: str | None
    """Why the last copy of the files failed."""
