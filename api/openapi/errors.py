"""The errors of a call, as the description tells them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from api.openapi.operation import Operation
from api.problems import HTTP_STATUS
from bus.errors import (
    Forbidden,
    InternalError,
    InvalidRequest,
    InvalidUserId,
    PblmError,
    Unauthorized,
    Unavailable,
)

RETRY_AFTER = {"Retry-After": "After how many seconds it makes sense to try again"}
"""The header of errors that may pass by themselves."""


def errors_of(operation: Operation) -> dict[HTTPStatus, list[type[PblmError]]]:
    """Return by status what the call can end with: its own errors, and those of every call."""
    found: list[type[PblmError]] = [InvalidRequest, Forbidden, InternalError]
    if operation.path.startswith("/api/"):
        found += [Unauthorized, Unavailable]
    if "{user_id}" in operation.path:
        found.append(InvalidUserId)
    found += [cls for cls in operation.errors if cls not in found]
    by_status: dict[HTTPStatus, list[type[PblmError]]] = {}
    for cls in found:
        by_status.setdefault(HTTP_STATUS[cls], []).append(cls)
    return dict(sorted(by_status.items()))


def error_response(
    status: HTTPStatus, classes: list[type[PblmError]], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the description of the answer with this status."""
    told = [f"`{cls.code}`: {_first_line(cls)}" for cls in classes]
    response: dict[str, Any] = {
        "description": "; ".join(told),
        "content": {"application/json": {"schema": schema}},
    }
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        response["headers"] = headers(RETRY_AFTER)
    if status is HTTPStatus.UNAUTHORIZED:
        response["headers"] = headers({"WWW-Authenticate": "`Bearer`"})
    return response


def headers(meanings: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of headers."""
    return {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in meanings.items()
    }


def _first_line(cls: type[PblmError]) -> str:
    return (cls.__doc__ or "").partition("\n")[0].rstrip(".")
