"""Host labels: the ``alice`` of ``alice.example.com`` for every user id, and back.

A label is what a browser sends: small letters, digits and hyphens, at most 63 characters
(RFC 1035, 2.3.1). An id that is such a word stands as it is. Any other one is escaped, behind
``e-``: a hyphen and one character for what cannot stand there. So ``Ann.Lee@x`` is
``e--ann-0-lee-2x``. What gets too long that way is ``h-`` and its hash; whoever knows all user ids
finds the one it belongs to.
"""

from __future__ import annotations

import base64
import hashlib
import re

from bus.user_id import is_user_id

MAX_LABEL = 63
LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_ESCAPED, _HASHED = "e-", "h-"
_WORD = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SIGNS = {".": "0", "_": "1", "@": "2", "+": "3", "-": "4"}
NEVER_HASHED = (MAX_LABEL - len(_ESCAPED)) // 2
"""An id of so many characters fits, also when each of them is escaped."""

_UNESCAPED = {digit: sign for sign, digit in _SIGNS.items()}


def label_of(user_id: str) -> str:
    """Return the label of the user: always the same, and nobody else's."""
    if _stands_as_it_is(user_id):
        return user_id
    escaped = _ESCAPED + "".join(_escape(character) for character in user_id)
    if len(escaped) <= MAX_LABEL:
        return escaped
    digest = hashlib.sha256(user_id.encode()).digest()
    return _HASHED + base64.b32encode(digest).decode().rstrip("=").lower()


def user_of(label: str) -> str | None:
    """Return the user that the label is of; None: nobody's, or hashed (:func:`is_hashed`)."""
    if not LABEL.fullmatch(label):
        return None
    if not label.startswith(_ESCAPED):
        return label if _stands_as_it_is(label) else None
    user_id = re.sub("-(.)", lambda found: _unescape(found[1]), label.removeprefix(_ESCAPED))
    return user_id if is_user_id(user_id) and label_of(user_id) == label else None


def is_hashed(label: str) -> bool:
    """Whether the label does not tell whose it is."""
    return label.startswith(_HASHED)


class Hashed:
    """The users with such labels. To look one up costs the same however many users there are.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._users: dict[str, str] = {}

    def add(self, user_id: str) -> None:
        """Know of a user, whatever label it has."""
        if len(user_id) <= NEVER_HASHED:
            return
        label = label_of(user_id)
        if is_hashed(label):
            self._users[label] = user_id

    def remove(self, user_id: str) -> None:
        """Know of it no more."""
        self._users.pop(label_of(user_id), None)

    def find(self, label: str) -> str | None:
        """Return the user that the label is of; None: nobody's that is known."""
        return self._users.get(label)


def _stands_as_it_is(user_id: str) -> bool:
    reserved = user_id.startswith((_ESCAPED, _HASHED)) or user_id[2:4] == "--"  # RFC 5890, 2.3.1
    return not reserved and _WORD.fullmatch(user_id) is not None


def _escape(character: str) -> str:
    if character in _SIGNS:
        return f"-{_SIGNS[character]}"
    return f"-{character.lower()}" if character.isupper() else character


def _unescape(character: str) -> str:
    return _UNESCAPED.get(character, character.upper())
