"""The OpenAPI document, made of the descriptions of the calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from api.openapi.errors import error_response, errors_of, headers
from api.openapi.operation import Operation, Reply
from api.openapi.schemas import Schemas
from api.replies import ErrorReply
from bus.user_id import PATTERN

DESCRIPTION = """\
One PocketBase per user: started, watched and stopped for you. JSON in, JSON out. What a call does \
not know, in the query or in the body, is refused. Every failure has the body `ErrorReply`.
"""


def build(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """Return the document; ``version`` is that of the manager."""
    schemas = _schemas(operations)
    paths: dict[str, Any] = {}
    for operation in operations:
        path = paths.setdefault(operation.path, _path_item(operation.path))
        path[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PocketBase Lifecycle Manager",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(each.group for each in operations)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: Sequence[Operation]) -> Schemas:
    replies = [reply.body for each in operations for reply in each.replies.values()]
    bodies = [each.body for each in operations if each.body is not None]
    queries = [query.type for each in operations for query in each.query.values()]
    sent = [ErrorReply, *(body for body in replies if body is not None)]
    return Schemas(sent=sent, received=[*bodies, *queries])


def _path_item(path: str) -> dict[str, Any]:
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)(?::\w+)?}", path)]
    return {"parameters": parameters} if parameters else {}


def _path_parameter(name: str) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "path", "required": True}
    if name == "user_id":
        parameter |= {"schema": {"type": "string", "pattern": PATTERN}, "example": "alice"}
    else:
        parameter["schema"] = {"type": "string"}
    return parameter


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "description": operation.details,
        "tags": [operation.group],
        "parameters": [
            _query_parameter(name, operation, schemas) for name in sorted(operation.query)
        ],
        "responses": _responses(operation, schemas),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": schemas.of(operation.body)}}
        told["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.body_media != "application/json":
        told["requestBody"] = {"required": True, "content": {operation.body_media: {"schema": {}}}}
    if operation.path.startswith("/api/"):
        told["security"] = [{"token": []}, {}]  # only where PB_API_TOKEN is set
    return {name: value for name, value in told.items() if value not in ("", [])}


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"\w+", operation.path.replace("{user_id}", "user"))
    return "_".join([operation.method.lower(), *words])


def _query_parameter(name: str, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    query = operation.query[name]
    schema = schemas.of(query.type)
    if query.default is not None:
        schema["default"] = query.default
    return {"name": name, "in": "query", "description": query.meaning, "schema": schema}


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    found = {str(code): _reply(reply, schemas) for code, reply in operation.replies.items()}
    for status, classes in errors_of(operation).items():
        found.setdefault(str(status.value), error_response(status, classes, schemas.of(ErrorReply)))
    return dict(sorted(found.items()))


def _reply(reply: Reply, schemas: Schemas) -> dict[str, Any]:
    schema = {"type": "string"} if reply.body is None else schemas.of(reply.body)
    told: dict[str, Any] = {
        "description": reply.what,
        "content": {reply.media: {"schema": schema}},
    }
    if reply.headers:
        told["headers"] = headers(reply.headers)
    return told
