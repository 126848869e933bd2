"""``/openapi.json`` and ``/docs``. What makes them is loaded when they are asked for first."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import falcon
import msgspec

from api.input import read_query
from api.openapi.operation import Operation, Reply

DISTRIBUTION = "pocketbase-lifecycle-manager"


class OpenApiResource:
    """The description of the API, made when it is asked for first."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations

    def on_get_json(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /openapi.json``."""
        read_query(req)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = self._json

    def on_get_page(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /docs``."""
        from api.openapi.page import STYLE_POLICY

        read_query(req)
        resp.content_type = falcon.MEDIA_HTML
        resp.set_header("Content-Security-Policy", STYLE_POLICY)
        resp.data = self._page

    @functools.cached_property
    def _document(self) -> dict[str, Any]:
        from importlib.metadata import version

        from api.openapi.document import build

        return build(self._operations, version(DISTRIBUTION))

    @functools.cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self._document)

    @functools.cached_property
    def _page(self) -> bytes:
        from api.openapi.page import write_page

        return write_page(self._document).encode()


OPERATIONS = (
    Operation(
        call="GET /openapi.json",
        summary="This description, for machines",
        group="Description",
        replies={200: Reply(what="An OpenAPI 3.1 document", body=dict[str, Any])},
    ),
    Operation(
        call="GET /docs",
        summary="This description, for people",
        group="Description",
        replies={200: Reply(what="A page", media="text/html")},
    ),
)
