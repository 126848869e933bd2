"""``/`` and ``/dashboard/...``: the page and its files. Open to all; it shows nothing by itself."""

from __future__ import annotations

import re

import falcon
import msgspec

from api.dashboard.files import File, read_files
from api.input import read_query
from api.live.wish import PATH
from api.openapi.operation import Operation, Reply
from api.replies import write
from bus.advice import ADVICE
from bus.causes import REMEDY, Cause, Remedy
from bus.errors import NotFound
from bus.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9.:-]+")
"""What may be written into a header as it stands: names and addresses."""


class CauseAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell about a cause of a failure; backticks enclose what is to be typed."""

    title: str
    means: str
    helps: list[str]
    remedy: Remedy
    """What the manager does about it."""


class AboutReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the page must know before it may ask for anything."""

    needs_token: bool
    live_port: int | None
    """Where the live status is told; null: nowhere."""
    live_url: str | None
    """Where it is, if a proxy stands before it."""
    causes: dict[Cause, CauseAdvice]


CAUSES = {
    cause: CauseAdvice(
        title=advice.title, means=advice.means, helps=advice.helps, remedy=REMEDY[cause]
    )
    for cause, advice in ADVICE.items()
}


class DashboardResource:
    """Sends the page, its files, and what the page must know of the manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = read_files()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /``."""
        read_query(req)
        self._send(req, resp, self._files["index.html"])
        resp.set_header("Content-Security-Policy", self._policy(req))

    def on_get_file(
        self, req: falcon.Request, resp: falcon.Response, part: str, name: str = ""
    ) -> None:
        """``GET /dashboard/{part}`` and ``GET /dashboard/{part}/{name}``."""
        read_query(req)
        path = f"static/{part}/{name}".rstrip("/")
        if path not in self._files:
            raise NotFound(f"No such route: {req.method} {req.path}")
        self._send(req, resp, self._files[path])

    def on_get_about(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /dashboard/about.json``."""
        read_query(req)
        _harden(resp)
        write(
            resp,
            AboutReply(
                needs_token=self._settings.api_token is not None,
                live_port=self._settings.live_port,
                live_url=self._settings.live_url,
                causes=CAUSES,
            ),
        )

    def _send(self, req: falcon.Request, resp: falcon.Response, file: File) -> None:
        _harden(resp)
        resp.etag = file.etag
        if req.if_none_match and (
            "*" in req.if_none_match or any(file.etag == tag for tag in req.if_none_match)
        ):
            resp.status = falcon.HTTP_304
            return
        resp.content_type = file.type
        resp.data = file.content

    def _policy(self, req: falcon.Request) -> str:
        """Return what the page may do: run its own scripts and speak to this manager."""
        live = self._settings.live_url
        if live is None and self._settings.live_port is not None and _HOST.fullmatch(req.host):
            host = f"[{req.host}]" if ":" in req.host else req.host
            live = f"ws://{host}:{self._settings.live_port}{PATH}"
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self'",
                f"connect-src 'self' {live or ''}".rstrip(),
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            )
        )


def _harden(resp: falcon.Response) -> None:
    resp.cache_control = ["no-cache"]
    resp.set_header("X-Content-Type-Options", "nosniff")
    resp.set_header("Referrer-Policy", "no-referrer")
    resp.set_header("Cross-Origin-Opener-Policy", "same-origin")
    resp.set_header("Cross-Origin-Resource-Policy", "same-origin")


_UNCHANGED = Reply(what="The caller has it already", media="*/*")

OPERATIONS = (
    Operation(
        call="GET /",
        summary="The dashboard: a page for a browser",
        group="Dashboard",
        replies={200: Reply(what="The page", media="text/html"), 304: _UNCHANGED},
    ),
    Operation(
        call="GET /dashboard/{part}",
        summary="A file of the page",
        group="Dashboard",
        replies={200: Reply(what="The file", media="*/*"), 304: _UNCHANGED},
        errors=(NotFound,),
    ),
    Operation(
        call="GET /dashboard/{part}/{name}",
        summary="A file of the page, in a folder",
        group="Dashboard",
        replies={200: Reply(what="The file", media="*/*"), 304: _UNCHANGED},
        errors=(NotFound,),
    ),
    Operation(
        call="GET /dashboard/about.json",
        summary="What the page must know before it may ask for anything",
        group="Dashboard",
        replies={200: Reply(what="Where the live status is, and what to say", body=AboutReply)},
    ),
)
