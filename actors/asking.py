"""Asking: what PocketBase answers to superusers only, and from its database.

Loaded when it is needed first: ``http.client`` brings OpenSSL with it.
"""

from __future__ import annotations

import http.client
from datetime import timedelta
from pathlib import Path

import msgspec

from actors.clock import utc_now
from actors.data.tokens import sign, signing_key
from actors.data.userdata import TokenKey
from actors.layout import LOOPBACK
from actors.probe import BadAnswer, Place
from actors.readiness import READY_TIMEOUT
from bus.errors import BackupError, InstanceIOError, NotFound

SUPERUSERS_PATH = "/api/collections/_superusers/records?perPage=1&fields=id&skipTotal=1"
DEEP_TIMEOUT = 10.0
"""How long the first answer from a database may take, in seconds."""


def ask(
    place: Place, method: str, path: str, *, timeout: float, body: object = None, token: str
) -> bytes:
    """Ask PocketBase as a superuser, on a connection of its own; by hand, as nobody else is asked.

    Superusers are let in from 127.0.0.1 only, wherever it listens. Raises :class:`BadAnswer` or
    :class:`OSError`.
    """
    connection = http.client.HTTPConnection(*place, timeout=timeout, source_address=(LOOPBACK, 0))
    headers = {
        "Connection": "close",
        "User-Agent": "pblm",
        "Authorization": token,
        "Content-Type": "application/json",
    }
    try:
        content = None if body is None else msgspec.json.encode(body)
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = response.read()
    except http.client.HTTPException as error:
        raise BadAnswer(f"it answers what is no HTTP: {error!r}") from error
    finally:
        connection.close()
    if not 200 <= response.status < 300:
        raise BadAnswer(f"it answers {response.status}")
    return answer


def knows_us(place: Place, data: Path) -> bool:
    """Whether PocketBase there finds our superuser, as a token proves, in its database.

    It tells superusers whether it can make a backup, and nobody else. Where the user has removed
    ours there is nothing to ask with.
    """
    try:
        token = _token(signing_key(data))
    except NotFound:
        return True
    except InstanceIOError:
        return False
    try:
        answer = ask(place, "GET", "/api/health", timeout=READY_TIMEOUT, token=token)
        return "canBackup" in msgspec.json.decode(answer)["data"]
    except (BadAnswer, OSError):
        return False
    except (msgspec.DecodeError, KeyError, TypeError):
        return False


def check_deeply(place: Place, token: str, *, timeout: float = DEEP_TIMEOUT) -> None:
    """Raise :class:`BackupError` unless PocketBase there reads the superuser of ``token``.

    It answers a health check without a look at its database. Its superusers it reads from there,
    and knows this one only if the token was signed with the keys in that very database.
    """
    try:
        ask(place, "GET", SUPERUSERS_PATH, timeout=timeout, token=token)
    except (BadAnswer, OSError) as error:
        raise BackupError(f"it does not answer from its database: {error}") from error


def name_application(place: Place, key: TokenKey, name: str, *, timeout: float) -> None:
    """Name the application of PocketBase there, which is to serve the data that have the ``key``.

    Raises :class:`BadAnswer` or :class:`OSError`.
    """
    meta = {"meta": {"appName": name}}
    ask(place, "PATCH", "/api/settings", timeout=timeout, body=meta, token=_token(key))


def _token(key: TokenKey) -> str:
    """Return our superuser's, for one question."""
    return sign(key, utc_now() + timedelta(seconds=60))
