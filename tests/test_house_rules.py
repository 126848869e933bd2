"""The rules of the house, held against the tree itself."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bus", "actors", "api")
MAX_FILE = 400
MAX_FUNCTION = 40

MAY_IMPORT = {
    "bus": {"bus"},
    "actors": {"actors", "bus"},
    "api": {"api", "bus"},
    "run_all": {"actors", "api", "bus"},
    "pblm": {"run_all", "actors", "api", "bus"},
}
"""Imports point inwards, and the doors never meet the mind."""

HOMES = {
    "zmq": ("bus/",),
    "pykka": ("actors/",),
    "falcon": ("api/",),
    "aiohttp": ("api/gateway/",),
    "click": ("api/cli/",),
    "rich": ("api/cli/",),
    "waitress": ("api/",),
    "http": ("actors/health.py", "actors/cluster/gateway.py", "api/"),
    "psutil": ("actors/monitor/",),
    "prometheus_client": ("bus/metrics/",),
    "subprocess": ("actors/process.py",),
    "obstore": ("actors/replication/place.py",),
    "sqlite3": ("actors/store.py", "actors/data/database.py"),
    "asyncio": (
        "actors/clock.py",
        "actors/health.py",
        "actors/probe.py",
        "api/live/",
        "api/gateway/",
    ),
    "websockets": ("api/live/",),
    "time": ("bus/", "actors/clock.py", "actors/cluster/guard.py"),
}
"""Where each dependency lives; nobody else opens it."""

MESSAGES = ("bus.requests", "bus.answers", "bus.events", "actors.facts")


def files(*tops: str) -> list[str]:
    found = [path for top in tops for path in (ROOT / top).rglob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


PRODUCT = [*files(*ROOMS), "run_all.py", "pblm.py"]
EVERYTHING = [*PRODUCT, "setup.py", *files("tests")]


@functools.cache
def parse(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


def imports(file: str) -> Iterator[str]:
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import hides its room"
            yield node.module or ""


def calls(file: str) -> Iterator[str]:
    """Yield what is called in ``file``, as it is written there."""
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def room(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


@pytest.mark.parametrize("file", PRODUCT)
def test_imports_point_inwards(file: str) -> None:
    """run_all imports all rooms; api and actors import bus; bus imports nothing of ours."""
    ours = {name.partition(".")[0] for name in imports(file)} & {*MAY_IMPORT, "tests"}
    assert ours <= MAY_IMPORT[room(file)]


@pytest.mark.parametrize("file", PRODUCT)
def test_each_dependency_has_one_home(file: str) -> None:
    """A library or a system service is used in the room, or the file, that owns it."""
    strays = [
        name
        for name in {name.partition(".")[0] for name in imports(file)} & set(HOMES)
        if not file.startswith(HOMES[name])
    ]
    assert strays == []


@pytest.mark.parametrize("file", PRODUCT)
def test_the_clock_is_asked_and_not_read(file: str) -> None:
    """What time it is comes from actors/clock.py, and on the bus from the hub."""
    readings = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"} & set(
        calls(file)
    )
    assert not readings or file in ("actors/clock.py", "bus/hub.py")


def test_the_states_import_nothing_of_ours() -> None:
    """The state machine can be read, and used, alone."""
    assert {name.partition(".")[0] for name in imports("bus/states.py")}.isdisjoint(MAY_IMPORT)


@pytest.mark.parametrize("file", EVERYTHING)
def test_a_file_can_be_read_in_one_sitting(file: str) -> None:
    """No file is longer than 400 lines."""
    assert len((ROOT / file).read_text(encoding="utf-8").splitlines()) <= MAX_FILE


@pytest.mark.parametrize("file", EVERYTHING)
def test_a_function_fits_on_a_screen(file: str) -> None:
    """No function is longer than 40 lines."""
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(parse(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("file", PRODUCT)
def test_nobody_sleeps(file: str) -> None:
    """The product waits for what happens, never for time to pass."""
    assert not [call for call in calls(file) if call in ("time.sleep", "sleep")]


TESTS = [file for file in files("tests") if not file.startswith("tests/benchmarks/")]
"""A benchmark is no test: it polls as the bare loop that it compares with does."""


@pytest.mark.parametrize("file", TESTS)
def test_no_test_sleeps(file: str) -> None:
    """A test waits for an event, with a deadline; what it must wait for deserves one."""
    assert not [call for call in calls(file) if call in ("time.sleep", "sleep", "asyncio.sleep")]


def messages() -> list[type]:
    modules = [importlib.import_module(name) for name in MESSAGES]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__.startswith(module.__name__)
    }
    return sorted(found, key=lambda cls: (cls.__module__, cls.__qualname__))


@pytest.mark.parametrize("message", messages(), ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_a_message_cannot_be_changed(message: type) -> None:
    """Requests, answers, events and facts are frozen, and hold nothing but their fields."""
    if issubclass(message, msgspec.Struct):
        assert message.__struct_config__.frozen
    else:
        assert dataclasses.is_dataclass(message)
        assert vars(message)["__dataclass_params__"].frozen
        assert "__slots__" in vars(message)


@pytest.mark.parametrize("message", messages(), ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_a_message_is_made_by_keywords(message: type) -> None:
    """What each part of a message means is said where it is made."""
    kinds = {each.kind for each in inspect.signature(message).parameters.values()}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}


def test_no_pykka_proxies() -> None:
    """Actors are told messages; nobody reaches into them."""
    assert not [file for file in PRODUCT for call in calls(file) if call.endswith(".proxy")]
