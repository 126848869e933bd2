"""Answers: tokens and metadata."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bus.answers.base import Answer


class TokenAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``MintToken``."""

    token: str
    expires_at: datetime
    collection: str
    record_id: str


class RevokedAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``RevokeTokens``: how many auth records got a new key."""

    records: int


class MetadataAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetMetadata`` and ``PutMetadata``."""

    metadata: dict[str, Any]
