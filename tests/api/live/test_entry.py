"""Who may listen, and what the others are told."""

from __future__ import annotations

import base64
import dataclasses
import json
import socket
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from api.live import serving
from bus.settings import Settings
from tests.api.conftest import TOKEN
from tests.api.live.conftest import Live
from tests.bus.parts import PATIENCE


@pytest.fixture
def guarded(settings: Settings, stack: ExitStack) -> Live:
    """Return a live server that asks for a token."""
    settings.run_path.mkdir(parents=True)
    return Live(dataclasses.replace(settings, api_token=TOKEN), stack)


def refusal(live: Live, query: str = "", **how: Any) -> tuple[int, str]:
    """Return the HTTP status and the code of the error that a listener gets."""
    with pytest.raises(InvalidStatus) as refused:
        live.listen(query, **how)
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.body)["code"]


def in_protocol(token: str) -> list[Subprotocol]:
    """Offer the token as a browser does."""
    text = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return [Subprotocol("pblm.v1"), Subprotocol(f"pblm.token.{text}")]


@pytest.mark.parametrize("origin", ["http://127.0.0.1:3000", "http://localhost:3000", None])
def test_the_dashboard_and_programs_may_listen(live: Live, origin: str | None) -> None:
    """Without a token: pages that the API itself serves, and programs of this machine."""
    ear = live.listen(origin=None if origin is None else Origin(origin))
    assert ear.hear()["event"] == "snapshot"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1.evil.example:3000",
        "http://127.0.0.1:5173",
        "http://127.0.0.1",
        "file://127.0.0.1:3000",
        "null",
    ],
)
def test_a_page_of_a_stranger_may_not_listen(live: Live, origin: str) -> None:
    """Neither from another host, nor from another port of this one."""
    assert refusal(live, origin=Origin(origin)) == (403, "forbidden")


def test_a_stranger_with_a_name_for_this_machine_may_not_listen(live: Live) -> None:
    """A name that was rebound to loopback gives itself away by the Host."""
    headers = {"Host": f"evil.example:{live.server.port}"}
    assert raw_status(live, headers) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:99999"},
        {"Host": "127.0.0.1", "host": "evil.example"},
        {"Host": "127.0.0.1", "Origin": "http://127.0.0.1:x"},
    ],
)
def test_headers_that_make_no_sense_are_refused(live: Live, headers: dict[str, str]) -> None:
    """A bad address, or two of them, is the caller's fault."""
    assert raw_status(live, headers) == 400


def test_the_token_is_taken_from_the_header(guarded: Live) -> None:
    """As everywhere else in the API; where it comes from is no matter then."""
    headers = {"Authorization": f"Bearer {TOKEN}".encode().decode("latin-1")}
    ear = guarded.listen(additional_headers=headers, origin=Origin("https://app.example"))
    assert ear.hear()["event"] == "snapshot"


def test_the_token_is_taken_from_the_subprotocol(guarded: Live) -> None:
    """A browser cannot set headers; the token is not sent back."""
    ear = guarded.listen(subprotocols=in_protocol(TOKEN))
    assert ear.connection.subprotocol == "pblm.v1"
    assert ear.hear()["event"] == "snapshot"


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"additional_headers": {"Authorization": "Bearer wrong"}},
        {"additional_headers": {"Authorization": f"Basic {TOKEN}".encode().decode("latin-1")}},
        {"subprotocols": ["pblm.v1"]},
        {"subprotocols": in_protocol("wrong")},
        {"subprotocols": ["pblm.v1", "pblm.token."]},
        {"subprotocols": ["pblm.v1", "pblm.token.A"]},
    ],
)
def test_without_the_right_token_nobody_listens(guarded: Live, how: dict[str, Any]) -> None:
    """A missing token, a wrong one and one that cannot be read are the same."""
    assert refusal(guarded, **how) == (401, "unauthorized")


def test_a_token_in_the_address_is_refused(guarded: Live) -> None:
    """Addresses end up in logs and histories: no token is taken from there."""
    headers = {"Authorization": f"Bearer {TOKEN}".encode().decode("latin-1")}
    assert refusal(guarded, "?token=x", additional_headers=headers) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?unheard_of=1", "invalid_request"),
        ("?user=a&user=b", "invalid_request"),
        ("?usage=yes", "invalid_request"),
        ("?user=../x", "invalid_user_id"),
        ("?user=", "invalid_user_id"),
        ("?epoch=x", "invalid_request"),
        ("?after=1", "invalid_request"),
        ("?epoch=x&after=-1", "invalid_request"),
        ("?epoch=x&after=9999999999999999999", "invalid_request"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(live: Live, query: str, code: str) -> None:
    """A misspelling never goes unnoticed."""
    assert refusal(live, query) == (400, code)


def test_there_is_one_route(live: Live) -> None:
    """What else is asked for is answered like a route that the API does not know."""
    assert refusal(live, "/elsewhere") == (404, "not_found")


def test_no_more_than_some_may_listen(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is asked to come back later."""
    monkeypatch.setattr(serving, "MAX_LISTENERS", 1)
    first = live.listen()
    assert first.hear()["event"] == "snapshot"
    assert refusal(live) == (503, "unavailable")


def raw_status(live: Live, headers: dict[str, str]) -> int:
    """Ask with exactly these headers; return the HTTP status."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join(["GET /ws/status HTTP/1.1", *lines, "", ""])
    with socket.create_connection(("127.0.0.1", live.server.port), PATIENCE) as line:
        line.sendall(request.encode())
        return int(line.makefile("rb").readline().split()[1])
