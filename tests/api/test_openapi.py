"""``/openapi.json`` and ``/docs``: the API described, all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import falcon.inspect
import msgspec
import pytest
from falcon.testing import TestClient

from api.openapi.document import build
from api.openapi.operation import Operation
from api.operations import OPERATIONS
from api.problems import HTTP_STATUS
from bus.errors import NotFound
from bus.instance import Instance
from bus.requests import GetMetadata
from tests.bus.parts import Script

CALLS = {each.call: each for each in OPERATIONS}


@pytest.fixture(scope="module")
def document() -> Any:
    """Return the document as a client reads it."""
    return json.loads(msgspec.json.encode(build(OPERATIONS, "1.2.3")))


def schemas_of(part: Any) -> Iterator[str]:
    """Yield the references in a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from schemas_of(each)
    elif isinstance(part, list):
        for each in part:
            yield from schemas_of(each)


def test_every_route_is_described(app: Any) -> None:
    """Put an Operation into OPERATIONS beside the resource; see api/openapi/__init__.py."""
    routes = {
        f"{method.method} {route.path}"
        for route in falcon.inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal
    }
    assert {*CALLS} == routes


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.call)
def test_every_query_parameter_is_described(client: TestClient, operation: Operation) -> None:
    """What a call says that it takes, when asked for something else, is what is described."""
    path = re.sub(r"{.*?}", "alice", operation.path)
    answer = client.simulate_request(operation.method, path, params={"unheard_of": "1"})
    takes = answer.json["message"].rpartition("this call takes ")[2]
    assert takes == (", ".join(sorted(operation.query)) or "no query")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.call)
def test_every_error_of_a_call_is_one_over_http(operation: Operation) -> None:
    """What is described to end a call has an HTTP status."""
    assert {*operation.errors} <= {*HTTP_STATUS}


def test_every_reference_leads_somewhere(document: Any) -> None:
    """Each schema that is referred to is there, and each that is there is referred to."""
    there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert {*schemas_of(document)} == there


def test_an_answer_always_has_all_its_fields(document: Any) -> None:
    """A client may count on every field of an instance but those that not everybody is told."""
    schema = document["components"]["schemas"]["Instance"]
    assert [*schema["properties"]] == [*Instance.__struct_fields__]
    told = {"host", "public_url", "metadata", "usage", "last_backup", "last_proven_backup"}
    assert {*schema["properties"]} - {*schema["required"]} == told
    assert schema["properties"]["created_at"] == {"type": "string", "format": "date-time"}


def test_what_the_bus_alone_needs_is_not_described(document: Any) -> None:
    """An answer of the bus has no type and no version over HTTP."""
    fleet = document["components"]["schemas"]["FleetAnswer"]
    assert {"type", "v"}.isdisjoint(fleet["properties"])
    of_a_cluster = {"hosts", "unreachable_hosts"}
    assert {*fleet["required"]} == {*fleet["properties"]} - of_a_cluster


def test_a_body_says_what_may_be_left_out(document: Any) -> None:
    """What has a default is not required of a caller."""
    assert document["components"]["schemas"]["InitBody"]["required"] == []
    assert document["components"]["schemas"]["ToBody"]["required"] == ["to"]


def test_an_error_has_the_body_that_is_described(
    client: TestClient, script: Script, document: Any
) -> None:
    """The body of every error is that of one type."""
    script.lines[GetMetadata] = NotFound("No PocketBase instance for user alice")
    answer = client.simulate_get("/api/users/alice/metadata")
    assert [*answer.json] == [*document["components"]["schemas"]["ErrorReply"]["properties"]]
    response = document["paths"]["/api/users/{user_id}/metadata"]["get"]["responses"]["404"]
    assert "`not_found`" in response["description"]


def test_the_document_is_served(client: TestClient) -> None:
    """It is JSON, of OpenAPI 3.1, and says which version of the manager it is about."""
    answer = client.simulate_get("/openapi.json")
    assert (answer.status_code, answer.json["openapi"]) == (200, "3.1.0")
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.json["info"]["version"])


def test_the_page_tells_every_call_and_needs_nothing_else(client: TestClient) -> None:
    """It is whole: no script, and nothing that is fetched from somewhere."""
    answer = client.simulate_get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 's")
    for operation in OPERATIONS:
        assert f"<code>{operation.path}</code>" in answer.text
        assert operation.summary.replace("'", "&#x27;").partition("`")[0] in answer.text
    assert not re.findall(r'(?:src|href)="(?!#|/openapi\.json)', answer.text)
    assert "<script" not in answer.text
