"""The types of the API as JSON Schema, which is what OpenAPI 3.1 speaks."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from bus.answers import Answer

REF = "#/components/schemas/{name}"
"""Where a named schema is found in the document."""


class Schemas:
    """The schemas of some types, and of all that they are made of."""

    def __init__(self, *, sent: Iterable[Any], received: Iterable[Any]) -> None:
        """``sent`` are the types that the server writes: they always have all their fields.

        What it also reads has them all too when it writes it; a caller need not.
        """
        sent, received = _distinct(sent), _distinct(received)
        types = [*sent, *received]
        schemas, self.components = msgspec.json.schema_components(types, ref_template=REF)
        self._schemas = {repr(each): schema for each, schema in zip(types, schemas, strict=True)}
        self._left_out: dict[str, set[str]] = {}
        self._complete(types)
        for name in self._reached(sent) - self._reached(received):
            schema = self.components[name]
            if "properties" in schema:
                left_out = self._left_out.get(name, set())
                schema["required"] = [each for each in schema["properties"] if each not in left_out]
        for each in sent:
            if isinstance(each, type) and issubclass(each, Answer):
                _strip(self.components[each.__name__])  # as api.replies.write does

    def of(self, wanted: Any) -> dict[str, Any]:
        """Return the schema of one of the types: mostly a reference."""
        return copy.deepcopy(self._schemas[repr(wanted)])

    def _complete(self, types: Iterable[Any]) -> None:
        """Say what msgspec does not: which texts are moments, and which fields are left out."""
        seen: set[type] = set()
        for info in msgspec.inspect.multi_type_info(types):
            for struct in _structs(info, seen):
                properties = self.components[struct.cls.__name__]["properties"]
                for each in struct.fields:
                    _mark_moment(each.type, properties[each.encode_name])
                    if not each.required and _has_no_default(each):
                        self._left_out.setdefault(struct.cls.__name__, set()).add(each.encode_name)
        for schema in self.components.values():
            if "description" in schema:
                text = inspect.cleandoc(schema["description"])
                schema["description"] = re.sub(r":\w+:|`(?=`)", "", text)

    def _reached(self, types: Iterable[Any]) -> set[str]:
        found: set[str] = set()
        todo = [self._schemas[repr(each)] for each in types]
        while todo:
            for name in _references(todo.pop()) - found:
                found.add(name)
                todo.append(self.components[name])
        return found


def _structs(info: Any, seen: set[type]) -> Iterator[msgspec.inspect.StructType]:
    """Yield the structs that a type is made of, each once."""
    match info:
        case msgspec.inspect.StructType(cls=cls, fields=fields):
            if cls not in seen:
                seen.add(cls)
                yield info
                for each in fields:
                    yield from _structs(each.type, seen)
        case msgspec.inspect.UnionType(types=types):
            for part in types:
                yield from _structs(part, seen)
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.DictType(value_type=item):
            yield from _structs(item, seen)


def _has_no_default(field: msgspec.inspect.Field) -> bool:
    """Whether the field is one that may be left out when it is written."""
    return field.default is field.default_factory is msgspec.NODEFAULT


def _mark_moment(info: Any, schema: dict[str, Any]) -> None:
    match info:
        case msgspec.inspect.DateTimeType():
            schema["format"] = "date-time"
        case msgspec.inspect.UnionType(includes_none=True, types=types):
            for part, told in zip(types, schema["anyOf"], strict=True):
                _mark_moment(part, told)


def _strip(schema: dict[str, Any]) -> None:
    """An answer of the bus loses over HTTP what only the bus needs."""
    for name in ("type", "v"):
        schema["properties"].pop(name, None)
    schema["required"] = [each for each in schema["required"] if each in schema["properties"]]


def _references(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*map(_references, schema.values()))
    if isinstance(schema, list):
        return set().union(*map(_references, schema))
    return set()


def _distinct(types: Iterable[Any]) -> list[Any]:
    return [*{repr(each): each for each in types}.values()]
