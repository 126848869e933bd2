"""What a user id may look like."""

from __future__ import annotations

import re

from bus.errors import InvalidUserId

MAX_LENGTH = 128
PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9._@+-]{{0,{MAX_LENGTH - 1}}}$"
"""A user id as a regular expression, of the kind that JSON Schema has too."""
_ALLOWED = re.compile(PATTERN)


def is_user_id(text: str) -> bool:
    """Whether ``text`` can be a user id."""
    return _ALLOWED.fullmatch(text) is not None


def check_user_id(user_id: str) -> str:
    """Return ``user_id``, or raise :class:`InvalidUserId` saying what an id may be."""
    if not is_user_id(user_id):
        raise InvalidUserId(
            f"Invalid user ID {user_id[:MAX_LENGTH]!r}: it takes 1 to {MAX_LENGTH} of "
            "A-Z a-z 0-9 . _ @ + -, beginning with a letter or a digit"
        )
    return user_id
