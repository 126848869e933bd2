"""``/docs``: the OpenAPI document as a page for people. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
STYLE_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
"""The page may use its own style, and nothing else."""


def write_page(document: dict[str, Any]) -> str:
    """Return the page."""
    info = document["info"]
    title = escape(info["title"])
    return "".join(
        (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: API</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{STYLE}</style>",
            f"<header><h1>{title} <small>API {escape(info['version'])}</small></h1>"
            f"<p>{_inline(info['description'])} "
            'For machines: <a href="/openapi.json">openapi.json</a>.</p></header>',
            f"<nav>{''.join(_contents(document))}</nav>",
            f"<main>{''.join(_groups(document))}{''.join(_schemas(document))}</main></html>",
        )
    )


def _operations(document: dict[str, Any], group: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and group in operation["tags"]:
                own = {**operation, "parameters": _parameters(item, operation)}
                yield method.upper(), path, own


def _parameters(item: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [*item.get("parameters", []), *operation.get("parameters", [])]


def _contents(document: dict[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><ul>"
        for method, path, operation in _operations(document, tag["name"]):
            yield (
                f'<li><a href="#{operation["operationId"]}">{_method(method)} '
                f"<code>{escape(path)}</code></a></li>"
            )
        yield "</ul>"
    yield '<h2><a href="#schemas">Schemas</a></h2>'


def _groups(document: dict[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>"
        for method, path, operation in _operations(document, tag["name"]):
            yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<section id="{operation["operationId"]}">'
    yield f"<h3>{_method(method)} <code>{escape(path)}</code></h3>"
    yield f"<p>{_inline(operation['summary'])}. {_inline(operation.get('description', ''))}</p>"
    yield _table(
        ("parameter", "in", "type", "meaning"),
        [
            (
                f"<code>{escape(each['name'])}</code>",
                each["in"],
                _type(each["schema"]),
                _inline(each.get("description", "")) + _default(each["schema"]),
            )
            for each in operation["parameters"]
        ],
    )
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        needed = "" if operation["requestBody"]["required"] else " (may be left out)"
        yield f"<p>Body: {_type(content['schema'])}{needed}</p>"
    yield _table(
        ("answer", "body", "when"),
        [
            (f"<b>{status}</b>", _content(response), _inline(response["description"]))
            for status, response in operation["responses"].items()
        ],
    )
    yield "</section>"


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    yield '<h2 id="schemas">Schemas</h2>'
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<section id="schema-{name}"><h3>{name}</h3>'
        yield f"<p>{_inline(schema.get('description', ''))}</p>"
        if "enum" in schema:
            yield f"<p>{_type(schema)}</p>"
        required = schema.get("required", [])
        rows = [
            (
                f"<code>{escape(field)}</code>",
                _type(each),
                "always there" if field in required else _default(each),
            )
            for field, each in schema.get("properties", {}).items()
        ]
        yield _table(("field", "type", ""), rows) + "</section>"


def _table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{cell}</th>" for cell in heading)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _content(response: dict[str, Any]) -> str:
    ((media, content),) = response.get("content", {"": {"schema": {}}}).items()
    return _type(content["schema"]) if media == "application/json" else f"<i>{media}</i>"


def _type(schema: dict[str, Any]) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    kind = escape(str(schema.get("format") or schema.get("type", "anything")))
    if "items" in schema:
        return f"{kind} of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        return f"{kind} of {_type(schema['additionalProperties'])}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        return f"{kind} from {low:g}" + (f" to {high:g}" if high is not None else "")
    return kind


def _default(schema: dict[str, Any]) -> str:
    if schema.get("default") in (None, ""):
        return ""
    return f" (default <code>{escape(str(schema['default']))}</code>)"


def _method(method: str) -> str:
    return f'<b class="method {method.lower()}">{method}</b>'


def _inline(text: str) -> str:
    """Return text with `code` in it as HTML."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
