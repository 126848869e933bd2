"""The reference says what the code does: all of it, and nothing else."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import falcon.inspect
import falcon.testing
import msgspec
import pytest

from api.access import TokenBody
from api.app import create_app
from api.backups import CreateBody, RestoreBody
from api.cluster import DrainBody, HostBody
from api.ownership import ToBody
from api.problems import HTTP_STATUS
from api.rollout import RolloutBody
from api.users import InitBody
from bus import codec, states
from bus.answers import AnyAnswer, FleetAnswer, HostFleet
from bus.backup import PolicyChange
from bus.causes import REMEDY
from bus.client import BusClient
from bus.errors import PblmError
from bus.events import AnyEvent, Event
from bus.history import Transition
from bus.instance import Failure, Instance
from bus.requests import AnyRequest
from bus.settings import GROUPS, Settings
from bus.settings.fields import Group
from bus.sleep import SleepPolicy
from bus.states import TRANSITIONS, Status
from bus.usage import Machine, ManagerProcess, Usage, UsagePoint
from tests.docs.pages import ROOT, anchors, page, sections

REQUESTS = {cls.__name__: cls for cls in get_args(AnyRequest)}
ANSWERS = {cls.__name__: cls for cls in get_args(AnyAnswer)}
EVENTS = {cls.__name__: cls for cls in get_args(AnyEvent)}

BODIES = {
    "POST /api/users/{id}/init_pb": InitBody,
    "POST /api/users/{id}/pb_token": TokenBody,
    "POST /api/users/{id}/backups/{backup}/restore": RestoreBody,
    "PUT /api/users/{id}/backup_policy": PolicyChange,
    "PUT /api/users/{id}/sleep": SleepPolicy,
    "POST /api/users/{id}/backups": CreateBody,
    "POST /api/users/{id}/rename": ToBody,
    "POST /api/users/{id}/clone": ToBody,
    "POST /api/rollout": RolloutBody,
    "POST /api/cluster/drain": DrainBody,
    "POST /api/cluster/rebalance": HostBody,
    "POST /api/users/{id}/move": HostBody,
}

HANDWRITTEN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / "docs").rglob("*.md"),
]


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    """Return the application, on a bus on which nobody is."""
    with BusClient("ipc:///nobody") as bus:
        yield create_app(bus, Settings())


def errors(root: type[PblmError] = PblmError) -> Iterator[type[PblmError]]:
    """Yield the classes of errors that can be met, not those that only group others."""
    for cls in root.__subclasses__():
        if cls in HTTP_STATUS or not cls.__subclasses__():
            yield cls
        yield from errors(cls)


def http_status(cls: type[PblmError]) -> str:
    found = [HTTP_STATUS[base] for base in cls.__mro__ if base in HTTP_STATUS]
    return str(found[0].value) if found else "none"


def default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.UNSET:
        return "left out"
    return "required" if field.required else msgspec.json.encode(field.default).decode()


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.TITLE)
def test_every_setting_is_in_the_reference_with_its_default_and_what_it_takes(
    group: type[Group],
) -> None:
    """A setting is under its group's heading as the code has it, and no other is."""
    on_page = [(row[0], row[1], row[2]) for row in sections("settings")[group.TITLE].rows()]
    inherited = {each.name for base in group.__bases__ for each in fields(base)}
    own = [each.metadata for each in fields(group) if each.name not in inherited]
    assert on_page == [(each["name"], each["shown"], each["takes"]) for each in own]


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    """No page names a variable that the manager does not read."""
    known = {each.metadata["name"] for each in fields(Settings)}
    for path in HANDWRITTEN:
        named = set(re.findall(r"\bPB_[A-Z_]+\b", path.read_text(encoding="utf-8")))
        assert named <= known, path


def test_every_error_is_in_the_reference_with_its_code_and_http_status() -> None:
    """An error is on its page with its code, its HTTP status and its class, and no other is."""
    on_page = {(row[2], row[0], row[1]) for row in page("errors").rows()}
    assert on_page == {(cls.__name__, cls.code, http_status(cls)) for cls in errors()}


def test_every_cause_is_in_the_reference_with_what_is_done_about_it() -> None:
    """A cause of failure is on its page with its remedy, and no other is."""
    rows = sections("errors")["Causes of a failure"].rows()
    assert {row[0]: row[1] for row in rows} == {str(k): str(v) for k, v in REMEDY.items()}


def test_every_status_is_in_the_reference() -> None:
    """The statuses on the page are those of the code."""
    assert [row[0] for row in sections("states")["States"].rows()] == list(Status)


def test_every_transition_is_in_the_reference() -> None:
    """The page allows the same ways from status to status as the code."""
    rows = sections("states")["Transitions"].rows()
    on_page = [(row[0], row[1]) for row in rows]
    in_code = [(str(old or "none"), str(new)) for old, to in TRANSITIONS.items() for new in to]
    assert sorted(on_page) == sorted(in_code)


def test_the_diagram_of_the_statuses_is_that_of_the_code() -> None:
    """The picture on the page is the one in the module."""
    text = inspect.getdoc(states) or ""
    indented = re.match(r"(?: {4}.*\n)+", text.partition("::\n\n")[2])
    assert indented is not None
    assert f"```\n{textwrap.dedent(indented.group())}```" in page("states").text


def test_every_request_and_answer_has_a_section() -> None:
    """The messages on the page are those of the code."""
    found = {title for title in sections("requests") if title in {*REQUESTS, *ANSWERS}}
    assert found == {*REQUESTS, *ANSWERS}
    shaped_like_one = {title for title in sections("requests") if re.fullmatch(r"\w+", title)}
    assert shaped_like_one - found == {"Requests", "Answers"}


@pytest.mark.parametrize("name", [*REQUESTS, *ANSWERS])
def test_every_field_of_a_message_is_in_the_reference(name: str) -> None:
    """A message's fields are on the page with their defaults, and no others are."""
    struct = (REQUESTS | ANSWERS)[name]
    rows = sections("requests")[name].rows()
    in_code = {f.name: default_of(f) for f in msgspec.structs.fields(struct) if f.name != "v"}
    assert {row[0]: row[1] for row in rows} == in_code


@pytest.mark.parametrize("name", REQUESTS)
def test_the_example_of_a_request_is_one(name: str) -> None:
    """The manager understands the example, and it shows every field."""
    (example,) = sections("requests")[name].examples()
    request = codec.decode_request(msgspec.json.encode(example))
    assert type(request) is REQUESTS[name]
    assert msgspec.to_builtins(request) == {"v": 1, **example}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_example_of_an_answer_is_one(name: str) -> None:
    """A client understands the example, and it is what the manager would write."""
    (example,) = sections("requests")[name].examples()
    answer = codec.decode_answer(msgspec.json.encode(example))
    assert type(answer) is ANSWERS[name]
    assert msgspec.to_builtins(answer) == example


def test_every_event_is_in_the_reference_under_its_topic() -> None:
    """The table of topics is what the events say of themselves, and no more."""
    on_page = {row[1]: row[0] for row in page("events").rows()}
    assert on_page.keys() == EVENTS.keys()
    for name, topic in on_page.items():
        event = example_of(name)
        assert event.topic.replace(getattr(event, "user_id", "-"), "<user_id>") == topic


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_an_event_is_in_the_reference(name: str) -> None:
    """An event's fields are on the page, those of all events apart, and no others are."""
    common = {row[0] for row in sections("events")["What every event has"].rows()}
    own = {row[0] for row in sections("events")[name].rows()}
    assert common == {"event", *Event.__struct_fields__}
    assert own == {*EVENTS[name].__struct_fields__} - common


@pytest.mark.parametrize("name", EVENTS)
def test_the_example_of_an_event_is_one(name: str) -> None:
    """A subscriber understands the example, and it is what the manager would write."""
    (written,) = sections("events")[name].examples()
    assert type(example_of(name)) is EVENTS[name]
    assert msgspec.to_builtins(example_of(name)) == written


def example_of(name: str) -> Event:
    (written,) = sections("events")[name].examples()
    return codec.decode_event(msgspec.json.encode(written))


def test_every_route_is_in_the_reference(app: Any) -> None:
    """The calls on the page are those that the application takes."""
    in_code = {
        f"{method.method} {route.path.replace('{user_id}', '{id}')}"
        for route in falcon.inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal
    }
    on_page = {title for title in sections("http") if re.match(r"[A-Z]+ /", title)}
    assert on_page == in_code


@pytest.mark.parametrize("call", [t for t in sections("http") if re.match(r"[A-Z]+ /", t)])
def test_every_query_parameter_is_in_the_reference(app: Any, call: str) -> None:
    """What a call says that it takes, when asked for something else, is on the page."""
    method, path = call.replace("{id}", "alice").split()
    client = falcon.testing.TestClient(app, headers={"Host": "127.0.0.1"})
    answer = client.simulate_request(method, path, params={"unheard_of": "1"})
    takes = answer.json["message"].rpartition("this call takes ")[2]
    queries = re.search(r"\| query \|.*\n\|[-|]+\n((?:\|.*\n)+)", sections("http")[call].text)
    on_page = re.findall(r"^\| `(\w+)`", queries.group(1), re.MULTILINE) if queries else []
    assert (", ".join(sorted(on_page)) or "no query") == takes


@pytest.mark.parametrize(("call", "body"), BODIES.items())
def test_every_member_of_a_body_is_in_the_reference(call: str, body: type[msgspec.Struct]) -> None:
    """The members of a call's body are on the page, and no others are."""
    table = re.search(r"\| body \|.*\n\|[-|]+\n((?:\|.*\n)+)", sections("http")[call].text)
    assert table is not None
    on_page = re.findall(r"^\| `(\w+)`", table.group(1), re.MULTILINE)
    assert on_page == [*body.__struct_fields__]


def test_only_those_calls_take_a_body() -> None:
    """No other call has a table of members."""
    having = {title for title, each in sections("http").items() if "\n| body |" in each.text}
    assert having == {*BODIES}


def test_every_field_of_an_instance_is_in_the_reference() -> None:
    """The fields of an instance and of a failure are on the page in their order, and no others."""
    instance, failure = sections("http")["The instance"].tables()
    assert [row[0] for row in instance] == [*Instance.__struct_fields__]
    assert [row[0] for row in failure] == [*Failure.__struct_fields__]


@pytest.mark.parametrize(
    ("title", "structs"),
    [
        ("Usage", [Usage, UsagePoint]),
        ("History", [Transition]),
        ("The fleet", [FleetAnswer, Machine, ManagerProcess, HostFleet]),
    ],
)
def test_every_field_of_what_is_measured_is_in_the_reference(
    title: str, structs: list[type[msgspec.Struct]]
) -> None:
    """The tables of a section have the fields of its structs, and no others."""
    on_page = [[row[0] for row in table] for table in sections("http")[title].tables()]
    assert on_page == [[f for f in each.__struct_fields__ if f != "v"] for each in structs]


@pytest.mark.parametrize("name", ["http", "errors"])
def test_every_instance_in_an_example_is_one(name: str) -> None:
    """An instance in an example has every field, of the right type, and no other."""
    for example in page(name).examples():
        found = [example.get("instance"), *example.get("instances", {}).values()]
        for shown in filter(None, found):
            assert msgspec.to_builtins(msgspec.convert(shown, Instance)) == shown


@pytest.mark.parametrize("path", HANDWRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    """A link to another page, or to a heading, finds it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"\w+:", link):
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", HANDWRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(path: Path) -> None:
    """A page names no file of ours that was moved or removed."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`((?:(?:bus|actors|api|tests|docs|\.ci)/[\w./-]*)|run_all\.py)`", text)
    assert [file for file in named if not (ROOT / file).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    """The index of the decisions has each of them once, in their order."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index)
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_ci_calls_the_test_command_of_the_readme() -> None:
    """What the README tells a newcomer to run is what is checked."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^python3 -m venv .* \.venv/bin/pytest$", readme, re.MULTILINE)
    assert f'step "{command}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
