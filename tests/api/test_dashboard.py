"""The dashboard's files: what is sent, under which rules, and how the modules are kept."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import falcon.testing
import pytest

from api.app import create_app
from api.dashboard.files import FOLDER, read_files
from bus.advice import ADVICE
from bus.causes import REMEDY, Cause
from bus.client import BusClient
from bus.settings import Settings
from tests.api.conftest import TOKEN

MODULES = sorted((FOLDER / "static").rglob("*.js"))
LONGEST = 300
"""Lines of a module."""


def policy_of(answer: falcon.testing.Result) -> dict[str, str]:
    """Return the directives of the page's policy."""
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


def test_the_page_runs_nothing_but_its_own_scripts(client: falcon.testing.TestClient) -> None:
    """The policy allows no inline code, no other host but the live line's, and no frame."""
    answer = client.simulate_get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert policy_of(answer) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self' ws://127.0.0.1:3001/ws/status",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("host", "connects"),
    [
        ("localhost:3000", "'self' ws://localhost:3001/ws/status"),
        ("[::1]:3000", "'self' ws://[::1]:3001/ws/status"),
        ("app.example", "'self' ws://app.example:3001/ws/status"),
        ("x; script-src *", "'self'"),
        ("x y", "'self'"),
    ],
)
def test_the_policy_names_the_host_that_was_asked(bus: BusClient, host: str, connects: str) -> None:
    """The line is at the same host; one that is no name is not written into a header."""
    app = create_app(bus, Settings(api_token=TOKEN))
    answer = falcon.testing.TestClient(app, headers={"Host": host}).simulate_get("/")
    assert policy_of(answer)["connect-src"] == connects


@pytest.mark.parametrize(
    ("settings", "connects"),
    [
        (Settings(live_port=None), "'self'"),
        (Settings(live_url="wss://app.example/live"), "'self' wss://app.example/live"),
    ],
)
def test_the_policy_follows_the_settings(bus: BusClient, settings: Settings, connects: str) -> None:
    """Without a live line there is none to connect to; behind a proxy it is elsewhere."""
    client = falcon.testing.TestClient(create_app(bus, settings), headers={"Host": "127.0.0.1"})
    assert policy_of(client.simulate_get("/"))["connect-src"] == connects
    about = client.simulate_get("/dashboard/about.json").json
    assert (about["live_port"], about["live_url"]) == (settings.live_port, settings.live_url)


def test_every_file_is_sent_with_its_type(client: falcon.testing.TestClient) -> None:
    """And once more only when it has changed."""
    for path, file in read_files().items():
        address = "/" if path == "index.html" else f"/dashboard/{path.removeprefix('static/')}"
        answer = client.simulate_get(address)
        assert (answer.content, answer.headers["Content-Type"]) == (file.content, file.type)
        again = client.simulate_get(address, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/",
        "/dashboard/index.html",
        "/dashboard/../files.py",
        "/dashboard/%2e%2e/x.css",
    ],
)
def test_nothing_else_is_sent(client: falcon.testing.TestClient, path: str) -> None:
    """What is no file of the page is not there, whatever the path."""
    answer = client.simulate_get(path)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_the_page_is_open_and_tells_nothing(bus: BusClient) -> None:
    """It has to ask for the token before anybody has one; what it shows comes from ``/api/``."""
    app = create_app(bus, Settings(api_token=TOKEN))
    client = falcon.testing.TestClient(app, headers={"Host": "app.example"})
    assert client.simulate_get("/").status_code == 200
    about = client.simulate_get("/dashboard/about.json")
    assert about.json["needs_token"] is True
    assert TOKEN not in about.text


def test_every_cause_has_its_advice(client: falcon.testing.TestClient) -> None:
    """An operator is told what a failure means, what helps, and what the manager does."""
    assert ADVICE.keys() == {*Cause}
    causes = client.simulate_get("/dashboard/about.json").json["causes"]
    for cause, advice in ADVICE.items():
        assert causes[cause]["remedy"] == REMEDY[cause]
        assert causes[cause]["title"] == advice.title
        assert causes[cause]["helps"] == advice.helps != []


def test_advice_names_only_variables_that_there_are() -> None:
    """Nobody is told to set what nobody reads."""
    texts = " ".join(f"{each.means} {' '.join(each.helps)}" for each in ADVICE.values())
    known = {each.metadata["name"] for each in fields(Settings)}
    assert set(re.findall(r"\bPB_[A-Z_]+", texts)) <= known
    assert texts.count("`") % 2 == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_is_short_and_says_what_it_is(module: Path) -> None:
    """No module is longer than 300 lines, and its first line tells its purpose."""
    lines = module.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert lines[0].startswith("// ")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_makes_no_markup_of_strings(module: Path) -> None:
    """Elements are made by dom.js: what an instance is called cannot become part of the page."""
    text = module.read_text(encoding="utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text) == []
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_a_module_imports_is_there(module: Path) -> None:
    """Everything comes from here, by its path."""
    for name in re.findall(r'from "([^"]+)"', module.read_text(encoding="utf-8")):
        assert (module.parent / name).is_file(), name
