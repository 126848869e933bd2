"""``/api/users/{user_id}/logs``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from falcon.testing import TestClient

import api.logs
from api.logs import Following, LogResource
from bus.answers import ErrorAnswer, LogAnswer
from bus.client import BusClient
from bus.errors import NotFound, Unavailable
from bus.metrics import Metrics
from bus.requests import ReadLog
from tests.bus.parts import PATIENCE, Script

TWO_LINES = LogAnswer(user_id="alice", text="one\ntwo\n", cursor="life:8")


def test_the_last_lines_are_text(client: TestClient, script: Script) -> None:
    """The log is plain text, and a header says where to go on."""
    script.lines[ReadLog] = TWO_LINES
    answer = client.simulate_get("/api/users/alice/logs")
    assert (answer.status_code, answer.text) == (200, "one\ntwo\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["log-cursor"] == "life:8"
    assert script.requests.get() == ReadLog(user_id="alice")


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        ("tail=0", ReadLog(user_id="alice", lines=0)),
        ("tail=10000", ReadLog(user_id="alice", lines=10_000)),
        ("after=life%3A8&wait=30", ReadLog(user_id="alice", cursor="life:8", wait_seconds=30.0)),
        ("follow=0", ReadLog(user_id="alice")),
    ],
)
def test_the_query_is_passed_on(
    client: TestClient, script: Script, query: str, request_: ReadLog
) -> None:
    """Lines, cursor and wait reach the manager."""
    script.lines[ReadLog] = TWO_LINES
    assert client.simulate_get("/api/users/alice/logs", query_string=query).status_code == 200
    assert script.requests.get() == request_


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("tail=-1", "tail='-1': takes 0 to 10000"),
        ("tail=10001", "tail='10001': takes 0 to 10000"),
        ("tail=all", "tail='all': takes 0 to 10000"),
        ("wait=31", "wait='31': takes seconds from 0 to 30"),
        ("follow=yes", "follow='yes': takes 0 or 1"),
        ("lines=5", "Unknown query parameter 'lines': this call takes after, follow, tail, wait"),
    ],
)
def test_a_bad_query_is_refused(client: TestClient, script: Script, query: str, words: str) -> None:
    """A query that cannot be meant is a 400 that says what it takes."""
    answer = client.simulate_get("/api/users/alice/logs", query_string=query)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["message"].startswith(words)
    assert script.requests.empty()


@pytest.mark.parametrize("query", ["", "follow=1", "wait=1"])
def test_who_is_not_known_is_a_404(client: TestClient, script: Script, query: str) -> None:
    """The refusal comes before anything is streamed, and holds no place."""
    script.lines[ReadLog] = NotFound("No PocketBase instance for user zed")
    for _ in range(api.logs.MAX_FOLLOWERS + 1):
        answer = client.simulate_get("/api/users/zed/logs", query_string=query)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def say(text: str, cursor: str) -> LogAnswer:
    return LogAnswer(user_id="alice", text=text, cursor=cursor)


def gone_after(times: int) -> Callable[[], bool]:
    """Return what tells that the caller is gone once it was asked so often."""
    left = iter([False] * times)
    return lambda: next(left, True)


def test_what_is_written_later_follows(bus: BusClient, script: Script) -> None:
    """Each piece goes on where the last one ended; nothing is sent while nothing is written."""
    later = iter([say("", "1"), say("two\n", "2"), say("", "2"), say("end\n", "3")])
    script.lines[ReadLog] = lambda: next(later)
    body = Following(bus, say("one\n", "1"), gone_after(4), lambda: None)
    assert list(body) == [b"one\n", b"two\n"]
    asked = [script.requests.get(timeout=PATIENCE) for _ in range(4)]
    assert [each.cursor for each in asked if isinstance(each, ReadLog)] == ["1", "1", "2", "2"]


def test_it_ends_when_the_manager_does(bus: BusClient, script: Script) -> None:
    """A refusal in the middle ends the text: there is no other way to say it by then."""
    script.lines[ReadLog] = NotFound("gone")
    assert list(Following(bus, say("one\n", "1"), lambda: False, lambda: None)) == [b"one\n"]


def test_it_does_not_last_for_ever(
    bus: BusClient, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that follows has an end, whatever is written."""
    monkeypatch.setattr(api.logs, "FOLLOW_SECONDS", 0.0)
    assert list(Following(bus, say("one\n", "1"), lambda: False, lambda: None)) == []


def test_only_so_many_follow(
    bus: BusClient, client: TestClient, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more gets 503; a place is free again when a body is closed, read or not."""
    script.lines[ReadLog] = TWO_LINES
    monkeypatch.setattr(api.logs, "FOLLOW_SECONDS", 0.0)
    resource = LogResource(bus, Metrics())
    releases = [resource._take_slot() for _ in range(api.logs.MAX_FOLLOWERS)]
    with pytest.raises(Unavailable, match="16 others follow a log already"):
        resource._take_slot()
    Following(bus, TWO_LINES, lambda: False, releases[0]).close()
    resource._take_slot()
    for _ in range(api.logs.MAX_FOLLOWERS + 1):
        assert client.simulate_get("/api/users/alice/logs?follow=1").status_code == 200


def test_an_error_says_when_to_come_again(client: TestClient, script: Script) -> None:
    """A manager for whom too many wait is a 503 with a time."""
    script.lines[ReadLog] = ErrorAnswer(code="unavailable", message="too many", retry_after=5)
    answer = client.simulate_get("/api/users/alice/logs?wait=1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
