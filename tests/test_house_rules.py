"""The rules of the house, held against the tree itself."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

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
    "http": ("actors/asking.py", "actors/cluster/gateway.py", "api/"),
    "psutil": ("actors/monitor/",),
    "prometheus_client": ("bus/metrics/",),
    "subprocess": ("actors/process.py",),
    "obstore": ("actors/replication/place.py",),
    "sqlite3": ("actors/store.py", "actors/data/database.py"),
    "asyncio": ("api/live/", "api/gateway/"),
    "selectors": ("actors/clock.py", "actors/probe.py", "actors/written.py"),
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
def nodes(file: str) -> tuple[ast.AST, ...]:
    """Return all there is in ``file``: each is parsed and walked once."""
    return tuple(ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"), file)))


def imports(file: str) -> Iterator[str]:
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import hides its room"
            yield node.module or ""


@functools.cache
def calls(file: str) -> frozenset[str]:
    """Return what is called in ``file``, as it is written there."""
    return frozenset(ast.unparse(node.func) for node in nodes(file) if isinstance(node, ast.Call))


def room(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


def offenders(
    files: list[str], found: Callable[[str], Iterable[object]]
) -> dict[str, list[object]]:
    """Return what is ``found`` in each of the files in which there is anything of the kind."""
    offences = {file: list(found(file)) for file in files}
    return {file: found for file, found in offences.items() if found}


def test_imports_point_inwards() -> None:
    """run_all imports all rooms; api and actors import bus; bus imports nothing of ours."""

    def strays(file: str) -> set[str]:
        ours = {name.partition(".")[0] for name in imports(file)} & {*MAY_IMPORT, "tests"}
        return ours - MAY_IMPORT[room(file)]

    assert offenders(PRODUCT, strays) == {}


def test_each_dependency_has_one_home() -> None:
    """A library or a system service is used in the room, or the file, that owns it."""

    def strays(file: str) -> list[str]:
        used = {name.partition(".")[0] for name in imports(file)} & set(HOMES)
        return [name for name in used if not file.startswith(HOMES[name])]

    assert offenders(PRODUCT, strays) == {}


def test_the_clock_is_asked_and_not_read() -> None:
    """What time it is comes from actors/clock.py, and on the bus from the hub."""
    readings = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    clocks = ("actors/clock.py", "bus/hub.py", "bus/publisher.py")
    others = [file for file in PRODUCT if file not in clocks]
    assert offenders(others, lambda file: readings & calls(file)) == {}


def test_the_states_import_nothing_of_ours() -> None:
    """The state machine can be read, and used, alone."""
    assert {name.partition(".")[0] for name in imports("bus/states.py")}.isdisjoint(MAY_IMPORT)


def test_a_file_can_be_read_in_one_sitting() -> None:
    """No file is longer than 400 lines."""
    lines = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in EVERYTHING}
    assert {file: length for file, length in lines.items() if length > MAX_FILE} == {}


def test_a_function_fits_on_a_screen() -> None:
    """No function is longer than 40 lines."""

    def long(file: str) -> list[str]:
        return [
            f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
            for node in nodes(file)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno is not None
            and node.end_lineno - node.lineno >= MAX_FUNCTION
        ]

    assert offenders(EVERYTHING, long) == {}


SLEEPS = {"time.sleep", "sleep", "asyncio.sleep"}


def test_nobody_sleeps() -> None:
    """The product waits for what happens, never for time to pass; on a loop it may, see HOMES."""
    assert offenders(PRODUCT, lambda file: SLEEPS - {"asyncio.sleep"} & calls(file)) == {}


def test_no_test_sleeps() -> None:
    """A test waits for an event, with a deadline; what it must wait for deserves one.

    A benchmark is no test: it polls as the bare loop that it compares with does.
    """
    tests = [file for file in files("tests") if not file.startswith("tests/benchmarks/")]
    assert offenders(tests, lambda file: SLEEPS & calls(file)) == {}


def messages() -> list[type]:
    modules = [importlib.import_module(name) for name in MESSAGES]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__.startswith(module.__name__)
    }
    return sorted(found, key=lambda cls: (cls.__module__, cls.__qualname__))


def test_a_message_cannot_be_changed() -> None:
    """Requests, answers, events and facts are frozen, and hold nothing but their fields."""

    def is_fixed(message: type) -> bool:
        if issubclass(message, msgspec.Struct):
            return bool(message.__struct_config__.frozen)
        own = vars(message)
        return (
            dataclasses.is_dataclass(message)
            and own["__dataclass_params__"].frozen
            and "__slots__" in own
        )

    assert [message for message in messages() if not is_fixed(message)] == []


def test_a_message_is_made_by_keywords() -> None:
    """What each part of a message means is said where it is made."""

    def kinds(message: type) -> set[object]:
        return {each.kind for each in inspect.signature(message).parameters.values()}

    keyword = {inspect.Parameter.KEYWORD_ONLY}
    assert [message for message in messages() if not kinds(message) <= keyword] == []


def test_no_pykka_proxies() -> None:
    """Actors are told messages; nobody reaches into them."""
    found = offenders(PRODUCT, lambda file: {c for c in calls(file) if c.endswith(".proxy")})
    assert found == {}
