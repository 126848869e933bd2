"""How a command ends: the exit statuses, which scripts go by."""

from __future__ import annotations

from enum import IntEnum

from bus.errors import (
    Conflict,
    InvalidRequest,
    InvalidUserId,
    NotFound,
    PblmError,
    SettingsError,
    Unavailable,
)


class Exit(IntEnum):
    """The exit statuses of ``pblm``."""

    OK = 0
    FAILED = 1
    """It was asked, and could not be done."""
    USAGE = 2
    """The command line or a setting is wrong."""
    NO_MANAGER = 3
    """No manager runs here, or it does not answer."""
    NOT_FOUND = 4
    """There is no such user, or nothing of the kind."""
    CONFLICT = 5
    """What the instance is, or what is under way, stands in the way."""
    INTERRUPTED = 130
    """Ctrl-C, as shells have it."""


_EXITS: dict[type[PblmError], Exit] = {
    InvalidUserId: Exit.USAGE,
    InvalidRequest: Exit.USAGE,
    SettingsError: Exit.USAGE,
    Unavailable: Exit.NO_MANAGER,
    NotFound: Exit.NOT_FOUND,
    Conflict: Exit.CONFLICT,
}


def exit_of(error: PblmError) -> Exit:
    """Return the exit status of a command that ends with ``error``."""
    return next((_EXITS[cls] for cls in type(error).__mro__ if cls in _EXITS), Exit.FAILED)
