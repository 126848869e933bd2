"""Errors as HTTP: the one table."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

import falcon
import msgspec

from bus.errors import (
    BackupError,
    Conflict,
    Forbidden,
    InstanceIOError,
    InternalError,
    InvalidBackup,
    InvalidRequest,
    InvalidUserId,
    NoPorts,
    NotFound,
    PblmError,
    ProcessError,
    StartTimeout,
    TooManyStarts,
    Unauthorized,
    Unavailable,
)

HTTP_STATUS: dict[type[PblmError], HTTPStatus] = {
    InvalidUserId: HTTPStatus.BAD_REQUEST,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooManyStarts: HTTPStatus.TOO_MANY_REQUESTS,
    InvalidBackup: HTTPStatus.UNPROCESSABLE_ENTITY,
    BackupError: HTTPStatus.INTERNAL_SERVER_ERROR,
    ProcessError: HTTPStatus.INTERNAL_SERVER_ERROR,
    InstanceIOError: HTTPStatus.INTERNAL_SERVER_ERROR,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    NoPorts: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StartTimeout: HTTPStatus.GATEWAY_TIMEOUT,
}

log = logging.getLogger(__name__)


def http_status(error: PblmError) -> HTTPStatus:
    """Return the HTTP status of ``error``: that of the nearest class in the table."""
    for cls in type(error).__mro__:
        if cls in HTTP_STATUS:
            return HTTP_STATUS[cls]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def write_error(resp: falcon.Response, status: HTTPStatus, error: PblmError) -> None:
    """Write the specified error body."""
    resp.status = status
    resp.set_headers(error_headers(error))
    resp.content_type = falcon.MEDIA_JSON
    resp.data = error_body(error)


def error_headers(error: PblmError) -> dict[str, str]:
    """Return the headers that tell a caller what to do."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def error_body(error: PblmError) -> bytes:
    """Return the specified error body."""
    return msgspec.json.encode(
        {
            "success": False,
            "code": error.code,
            "message": error.message,
            "instance": error.instance,
        }
    )


def on_problem(
    req: falcon.Request, resp: falcon.Response, error: PblmError, params: object
) -> None:
    """Answer with an error of ours."""
    write_error(resp, http_status(error), error)


def on_bug(req: falcon.Request, resp: falcon.Response, error: Exception, params: object) -> None:
    """Answer with what nobody foresaw: the trace goes to the log, not to the caller."""
    log.error("%s %s failed by a bug", req.method, req.path, exc_info=error)
    internal = InternalError("The request failed by a bug; the manager's log has the details")
    write_error(resp, HTTPStatus.INTERNAL_SERVER_ERROR, internal)


def serialize_http_error(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError
) -> None:
    """Write Falcon's own errors (unknown route, wrong method ...) in our shape."""
    status = HTTPStatus(falcon.http_status_to_code(error.status))
    if status is HTTPStatus.NOT_FOUND:
        ours: PblmError = NotFound(f"No such route: {req.method} {req.path}")
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = dict(error.headers or {}).get("Allow", "other methods")
        ours = InvalidRequest(f"{req.method} is not allowed here; allowed: {allowed}")
    else:
        ours = InvalidRequest(error.description or error.title or status.phrase)
    write_error(resp, status, ours)


def handle(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Have every failure of ``app`` answered here."""
    app.add_error_handler(Exception, on_bug)
    app.add_error_handler(PblmError, on_problem)
    app.set_error_serializer(serialize_http_error)
