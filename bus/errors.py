"""Everything that can go wrong, one code per class.

::

    PblmError
    |-- InvalidUserId      invalid_user_id
    |-- InvalidRequest     invalid_request
    |-- Unauthorized       unauthorized
    |-- Forbidden          forbidden
    |-- NotFound           not_found
    |-- Conflict           conflict
    |-- TooManyStarts      too_many_starts
    |-- BackupError        backup_failed
    |-- InvalidBackup      invalid_backup
    |-- StartError
    |   |-- ProcessError   process_error
    |   |-- InstanceIOError  io_error
    |   |-- NoPorts        no_ports
    |   `-- StartTimeout   start_timeout
    |-- Unavailable        unavailable
    |   `-- BusTimeout     unavailable (nobody answered in time)
    |-- InternalError      internal_error
    `-- SettingsError      invalid_settings

Errors travel over the bus as :class:`bus.answers.ErrorAnswer` and come out of
``BusClient.ask`` as the class they went in.
"""

from __future__ import annotations

from typing import ClassVar

from bus.causes import Cause
from bus.instance import Failure, Instance


class PblmError(Exception):
    """Base of all errors of the manager.

    ``instance`` is the instance it is about, as it was then; ``retry_after`` is in seconds.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        instance: Instance | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.instance = instance
        self.retry_after = retry_after


class InvalidUserId(PblmError):
    """The user id is none that can be used."""

    code = "invalid_user_id"


class InvalidRequest(PblmError):
    """The request cannot be understood, or asks for what does not exist."""

    code = "invalid_request"


class Unauthorized(PblmError):
    """The token is missing or wrong."""

    code = "unauthorized"


class Forbidden(PblmError):
    """The caller's origin may not use this API."""

    code = "forbidden"


class NotFound(PblmError):
    """There is no such user, or no such thing."""

    code = "not_found"


class Conflict(PblmError):
    """Another operation stands in the way."""

    code = "conflict"


class TooManyStarts(PblmError):
    """The queue of starts is full."""

    code = "too_many_starts"


class BackupError(PblmError):
    """A backup could not be made, kept or brought back; the user's data are as they were."""

    code = "backup_failed"


class InvalidBackup(PblmError):
    """What was given is no backup that can be used: foreign, damaged, too old or too large."""

    code = "invalid_backup"


class StartError(PblmError):
    """An instance could not be started, or ended by itself; ``failure`` has the particulars."""

    def __init__(
        self,
        message: str,
        *,
        cause: Cause = Cause.UNKNOWN,
        exit_code: int | None = None,
        output: str = "",
        instance: Instance | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, instance=instance, retry_after=retry_after)
        self.failure = Failure(cause=cause, exit_code=exit_code, output=output)


class ProcessError(StartError):
    """The PocketBase process could not be spawned, or ended by itself."""

    code = "process_error"


class InstanceIOError(StartError):
    """The instance's files could not be made or written."""

    code = "io_error"


class NoPorts(StartError):
    """Every port of the range is taken."""

    code = "no_ports"


class StartTimeout(StartError):
    """PocketBase was started and never answered its health check."""

    code = "start_timeout"


class Unavailable(PblmError):
    """A part of the manager does not answer."""

    code = "unavailable"


class BusTimeout(Unavailable):
    """No answer came back over the bus before the deadline."""


class InternalError(PblmError):
    """A bug of ours."""

    code = "internal_error"


class SettingsError(PblmError):
    """A setting has a value that it cannot have."""

    code = "invalid_settings"


def _tree(root: type[PblmError]) -> list[type[PblmError]]:
    return [root, *(cls for child in root.__subclasses__() for cls in _tree(child))]


def error_class(code: str) -> type[PblmError]:
    """Return the class of a ``code`` that came over the bus (:class:`InternalError` if unknown)."""
    classes = {cls.code: cls for cls in _tree(PblmError)[1:] if "code" in vars(cls)}
    return classes.get(code, InternalError)
