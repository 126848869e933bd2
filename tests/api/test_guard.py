"""Who may come in."""

from __future__ import annotations

import hmac
from typing import Any

import msgspec
import pytest
from falcon.testing import TestClient

from api.app import create_app
from bus.answers import HealthAnswer, InstancesAnswer
from bus.client import BusClient
from bus.requests import GetHealth, ListInstances
from bus.settings import Settings
from tests.api.conftest import TOKEN
from tests.bus.parts import NOW, Script

LIST = "/api/pb_instances"
SENT = TOKEN.encode().decode("latin-1")  # as a server hands over the bytes of a header


@pytest.fixture(autouse=True)
def _script(script: Script) -> None:
    script.lines[ListInstances] = InstancesAnswer(instances={}, total=0, next=None)
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)


def caller(bus: BusClient, settings: Settings, token: str | None) -> TestClient:
    with_token: Any = settings
    if token is not None:
        with_token = Settings(user_dbs_path=settings.user_dbs_path, api_token=token)
    return TestClient(create_app(bus, with_token))


@pytest.fixture
def locked(bus: BusClient, settings: Settings) -> TestClient:
    """Return a caller, from anywhere, of an API with a token."""
    return caller(bus, settings, TOKEN)


@pytest.fixture
def unlocked(bus: BusClient, settings: Settings) -> TestClient:
    """Return a caller of an API without a token."""
    return caller(bus, settings, None)


@pytest.mark.parametrize("given", [f"Bearer {SENT}", f"bearer {SENT}", f"BEARER   {SENT} "])
def test_the_right_token_opens(locked: TestClient, given: str) -> None:
    """Who sends the token comes in, from any host and origin."""
    headers = {"Authorization": given, "Origin": "https://app.example.com"}
    assert locked.simulate_get(LIST, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {SENT}x",
        f"Bearer {SENT[:-1]}",
        f"Bearer x {SENT}",
        f"Basic {SENT}",
        f"Token {SENT}",
        SENT,
        f"Bearer{SENT}",
        "Bearer \xff\xfe\x80",
        "Bearer " + "x" * 10_000,
    ],
    ids=lambda given: repr(given)[:30],
)
@pytest.mark.parametrize("path", [LIST, "/api/users/alice/pb_status", "/api/nowhere", "/api/"])
def test_without_the_right_token_nothing_opens(
    locked: TestClient, path: str, given: str | None
) -> None:
    """Every call under /api/ is a 401 in the specified shape that tells what to send."""
    headers = {} if given is None else {"Authorization": given}
    answer = locked.simulate_get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json["success"] is False
    assert answer.json["code"] == "unauthorized"
    assert answer.json["message"].startswith("Unauthorized")
    assert answer.json["instance"] is None
    assert SENT not in answer.text


def test_a_token_with_blanks_around_it_is_the_token(bus: BusClient, settings: Settings) -> None:
    """A newline that a file or shell left at the token does not lock everybody out."""
    client = caller(bus, settings, " secret\n")
    headers = {"Authorization": "Bearer secret"}
    assert client.simulate_get(LIST, headers=headers).status_code == 200


def test_the_time_of_the_comparison_tells_nothing(
    locked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are compared by the function made for it, right or wrong, short or long."""
    compared: list[tuple[bytes, bytes]] = []
    constant_time = hmac.compare_digest

    def spy(given: bytes, token: bytes) -> bool:
        compared.append((given, token))
        return constant_time(given, token)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    for given in ("x", "wrong", SENT):
        locked.simulate_get(LIST, headers={"Authorization": f"Bearer {given}"})
    locked.simulate_get(LIST)
    token = TOKEN.encode()
    assert compared == [(b"x", token), (b"wrong", token), (token, token), (b"", token)]


def test_the_health_of_the_manager_needs_no_token(locked: TestClient) -> None:
    """A load balancer asks /health/pb without secrets."""
    assert locked.simulate_get("/health/pb").status_code == 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:3000", "localhost:3000", "LocalHost", "[::1]:3000", "[::1]"]
)
def test_this_machine_needs_no_token(unlocked: TestClient, host: str) -> None:
    """Without a token, whoever asks for this machine by its own names comes in."""
    assert unlocked.simulate_get(LIST, headers={"Host": host}).status_code == 200
    assert unlocked.simulate_get("/health/pb", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example.com", "127.0.0.1.evil.org:3000", "10.0.0.1:3000", "localhost.evil", "["]
)
@pytest.mark.parametrize("path", [LIST, "/health/pb", "/"])
def test_a_rebound_name_is_kept_out(unlocked: TestClient, host: str, path: str) -> None:
    """A page that points its own name at this machine gives itself away by the Host."""
    answer = unlocked.simulate_get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json["code"] == "forbidden"
    assert answer.json["message"].startswith("Forbidden: host ")


@pytest.mark.parametrize("host", ["localhost:abc", "127.0.0.1:", "[::1]:x"])
def test_a_host_that_is_none_is_a_bad_request(unlocked: TestClient, host: str) -> None:
    """A Host header that cannot be read is a 400 in words and no bug."""
    answer = unlocked.simulate_get(LIST, headers={"Host": host})
    assert answer.status_code == 400
    assert answer.json["code"] == "invalid_request"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", "http://127.0.0.1:8000", "http://localhost:3000", "null", ""],
)
def test_a_strange_page_is_kept_out(unlocked: TestClient, origin: str) -> None:
    """A browser's page of any other origin may not use an API without a token."""
    headers = {"Host": "127.0.0.1:3000", "Origin": origin}
    answer = unlocked.simulate_get(LIST, headers=headers)
    assert answer.status_code == 403
    assert answer.json["code"] == "forbidden"


def test_a_page_of_our_own_comes_in(unlocked: TestClient) -> None:
    """A page that the same address served may use the API."""
    headers = {"Host": "127.0.0.1:3000", "Origin": "http://127.0.0.1:3000"}
    answer = unlocked.simulate_get(LIST, headers=headers)
    assert msgspec.json.decode(answer.content)["count"] == 0
