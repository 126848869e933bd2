"""Tokens for the app, signed with the instance's own keys, whether it runs or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from actors.data.database import UserDataError
from actors.data.template import SERVICE_ID
from actors.data.userdata import TokenKey, read_token_key
from bus.answers import TokenAnswer
from bus.errors import InstanceIOError, NotFound

SUPERUSERS = "_superusers"
ALGORITHM = "HS256"


def mint(
    data: Path, *, collection: str, record_id: str | None, now: datetime, seconds: int
) -> TokenAnswer:
    """Return a token as PocketBase itself would give it, except that it cannot be refreshed.

    It is one of an auth record, without ``record_id`` of the service superuser. Raises what
    :func:`signing_key` does.
    """
    record_id = record_id or SERVICE_ID
    expires = now + timedelta(seconds=seconds)
    return TokenAnswer(
        token=sign(signing_key(data, collection, record_id), expires),
        expires_at=expires.replace(microsecond=0),
        collection=collection,
        record_id=record_id,
    )


def signing_key(data: Path, collection: str = SUPERUSERS, record_id: str = SERVICE_ID) -> TokenKey:
    """Return what the tokens of an auth record, or of the service superuser, are signed with.

    Raises :class:`NotFound` when there is no such record, :class:`InstanceIOError` when the
    database cannot be read.
    """
    try:
        key = read_token_key(data, collection, record_id)
    except UserDataError as error:
        raise InstanceIOError(f"IO error: the database cannot be read: {error}") from error
    if key is None:
        raise NotFound(f"No auth record {record_id!r} in collection {collection!r}")
    return key


def sign(key: TokenKey, expires: datetime) -> str:
    """Return a token of the record that the key is of; it is taken until it ``expires``."""
    claims = {
        "id": key.record_id,
        "collectionId": key.collection_id,
        "type": "auth",
        "refreshable": False,
        "exp": int(expires.timestamp()),
    }
    import jwt  # most managers never sign anything, and it may bring OpenSSL

    return jwt.encode(claims, key.secret, algorithm=ALGORITHM)
