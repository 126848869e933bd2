"""How the manager's own lines are written."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from bus import logs, trace

log = logging.getLogger("tests.lines")


class Lines:
    """What the root logger has written since it was configured."""

    def __init__(self, form: str) -> None:
        logs.configure(form)
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        self._stream = io.StringIO()
        handler.setStream(self._stream)

    def text(self) -> str:
        return self._stream.getvalue()

    def json(self) -> dict[str, Any]:
        """Return the one line that there is."""
        (line,) = self.text().splitlines()
        read: dict[str, Any] = json.loads(line)
        return read


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_text_has_what_a_person_looks_for() -> None:
    """Time, level, who says it, what, and the request that it belongs to."""
    lines = Lines("text")
    with trace.serving("abc"):
        log.info("%s has %d", "alice", 3, extra=logs.fields(user_id="alice"))
    log.info("nothing")
    first, second = lines.text().splitlines()
    assert first.endswith(" INFO    tests.lines: alice has 3 [abc]")
    assert second.endswith(" INFO    tests.lines: nothing")


def test_nobody_begins_a_line_of_his_own() -> None:
    """What comes from outside is one line, whatever it holds."""
    lines = Lines("text")
    log.warning("%s", "a\n2026-01-01 INFO pblm: all is well\r\x1b[2J")
    assert lines.text().count("\n") == 1
    assert r"a\n2026-01-01 INFO pblm: all is well\r\x1b[2J" in lines.text()


def test_a_line_of_json_has_its_fields_as_members() -> None:
    """What the message says in words can be searched by name; what is not known is left out."""
    lines = Lines("json")
    with trace.serving("abc"):
        log.info("gone", extra=logs.fields(user_id="alice", cause=None, status=200))
    line = lines.json()
    age = datetime.now().astimezone() - datetime.fromisoformat(line.pop("at"))
    assert 0 <= age.total_seconds() < 60
    assert line == {
        "level": "INFO",
        "logger": "tests.lines",
        "message": "gone",
        "request_id": "abc",
        "user_id": "alice",
        "status": 200,
    }


def test_the_trace_of_a_bug_stays_on_its_line() -> None:
    """A program reads one object a line, also when something failed."""
    lines = Lines("json")
    try:
        raise ValueError("odd\nvalue")
    except ValueError:
        log.exception("a bug")
    line = lines.json()
    assert "ValueError: odd\nvalue" in line["error"]
    assert line["level"] == "ERROR"


def test_what_cannot_be_json_is_written_as_text() -> None:
    """A line is never lost because of what is in it."""
    lines = Lines("json")
    log.info("odd", extra=logs.fields(what=object))
    assert lines.json()["what"] == "<class 'object'>"


@pytest.mark.parametrize("text", ["a", "0af7651916cd43dd", "a-b_c.d:e@f/g+h=", "x" * 64])
def test_a_sane_id_is_taken_over(text: str) -> None:
    """Ids as callers and proxies make them."""
    assert trace.is_sane(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", "ä", '"', "<script>"])
def test_no_other_id_is(text: str) -> None:
    """What goes into headers and logs as it is must not break them."""
    assert not trace.is_sane(text)


def test_ids_that_are_made_are_all_different() -> None:
    """And may be taken over."""
    made = {trace.new_request_id() for _ in range(100)}
    assert len(made) == 100
    assert all(trace.is_sane(each) for each in made)
