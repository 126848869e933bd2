"""Bytes to messages and back."""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import answers, codec, events, requests
from bus.backup import MAX_KEPT
from bus.errors import InvalidRequest, InvalidUserId, PblmError, Unavailable
from bus.requests import GetInstance, InitInstance, ListInstances
from bus.sleep import DAYS, SleepPolicy, Window
from tests.bus.parts import NOW, changed

USER_IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", fullmatch=True)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.builds(
    Window,
    days=st.lists(st.sampled_from(DAYS), max_size=7),
    start=TIMES,
    end=TIMES,
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "user_id": USER_IDS,
    "to": USER_IDS,
    "limit": st.integers(1, requests.MAX_PAGE),
    "lines": st.integers(0, requests.MAX_LOG_LINES),
    "wait_seconds": st.floats(0, requests.MAX_LOG_WAIT),
    "cursor": st.text(max_size=64),
    "wave": st.integers(1, requests.MAX_WAVE),
    "max_failures": st.integers(1, requests.MAX_WAVE),
    "settle_seconds": st.floats(0, 3600),
    "seconds": st.integers(1, requests.MAX_TOKEN_SECONDS),
    "collection": st.text(min_size=1, max_size=255),
    "record_id": st.text(max_size=255),
    "interval": st.floats(0, 1e6),
    "keep_last": st.integers(1, MAX_KEPT),
    "keep_daily": st.integers(0, MAX_KEPT),
    "keep_weekly": st.integers(0, MAX_KEPT),
    "label": st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    "reason": st.text(min_size=1, max_size=200),
    "offset": st.integers(0, 2**40),
    "piece": st.binary(max_size=99),
    "metadata": st.dictionaries(st.text(max_size=9), st.none() | st.integers(-9, 9), max_size=3),
}

STRUCTS: dict[type, st.SearchStrategy[Any]] = {
    SleepPolicy: st.builds(
        SleepPolicy,
        idle_timeout=st.none() | st.floats(1, 31_536_000),
        pinned=st.booleans(),
        never=st.lists(WINDOWS, max_size=3),
    ),
}
"""Those whose fields take less than their types say."""


@functools.cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of the type ``hint``, as a message may hold them."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in STRUCTS:
        return STRUCTS[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = typing.get_type_hints(hint)
        fields = hint.__struct_fields__
        plain = {name for name in fields if name not in FIELDS or hints[name] is bool}
        of = {name: values(hints[name]) if name in plain else FIELDS[name] for name in fields}
        return st.builds(hint, **of)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values(arg) for arg in args])
    if origin is dict:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=2)
    if origin is list:
        return st.lists(values(args[0]), max_size=2)
    if hint is msgspec.UnsetType:
        return st.just(msgspec.UNSET)
    if hint is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.from_type(hint)


@pytest.mark.parametrize(
    ("decode", "kind"),
    [
        (decode, kind)
        for decode, union in (
            (codec.decode_request, requests.AnyRequest),
            (codec.decode_answer, answers.AnyAnswer),
            (codec.decode_event, events.AnyEvent),
        )
        for kind in typing.get_args(union)
    ],
    ids=lambda value: value.__name__,
)
def test_every_message_survives_the_wire(decode: Callable[[bytes], object], kind: type) -> None:
    """What is decoded equals what was encoded, in its type as in its fields."""

    @settings(max_examples=20, deadline=None)
    @given(values(kind))
    def round_trip(message: Any) -> None:
        assert decode(codec.encode(message)) == message

    round_trip()


def subclasses(root: type) -> set[type]:
    found = {root}
    child: type
    for child in root.__subclasses__():
        found |= subclasses(child)
    return found


@pytest.mark.parametrize(
    ("root", "union"),
    [
        (requests.Request, requests.AnyRequest),
        (answers.Answer, answers.AnyAnswer),
        (events.Event, events.AnyEvent),
    ],
)
def test_every_message_can_be_decoded(root: type, union: Any) -> None:
    """Each concrete message is in the union that the codec decodes, but those of tests."""
    ours = {cls for cls in subclasses(root) if cls.__module__.startswith("bus.")}
    concrete = {cls for cls in ours if not ours.intersection(cls.__subclasses__())}
    assert concrete == set(typing.get_args(union))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0",
        b"\xff\xfe\xfd",
        b"null",
        b"[]",
        b"42",
        b"{}",
        b'{"type":',
        b'{"type":"GetHealth"} trailing',
        b'{"type":"DropAllTables"}',
        b'{"type":7}',
        b'{"type":"GetHealth","v":2}',
        b'{"type":"GetHealth","v":"1"}',
        b'{"type":"GetInstance"}',
        b'{"type":"GetInstance","user_id":null}',
        b'{"type":"GetInstance","user_id":["alice"]}',
        b'{"type":"GetInstance","user_id":"\xff"}',
        b'{"type":"GetInstance","user_id":"\\ud800"}',
        b'{"type":"InitInstance","user_id":"alice","force_restart":"yes"}',
        b'{"type":"InitInstance","user_id":"alice","wait":1}',
        b'{"type":"ListInstances","limit":0}',
        b'{"type":"ListInstances","limit":10001}',
        b'{"type":"ListInstances","status":"Sleeping"}',
        b'{"type":"GetEvents","epoch":"e","after":1.5}',
        b'{"type":"StatusChanged"}',
        b'{"type":"GetHealth","more":' + b"[" * 60_000,
        b'{"type":"GetHealth","more":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b" " * (codec.MAX_FRAME + 1),
    ],
    ids=lambda frame: repr(frame[:50]),
)
def test_a_bad_request_is_refused_in_words(frame: bytes) -> None:
    """Whatever comes that is no request is an InvalidRequest that says what is wrong."""
    with pytest.raises(InvalidRequest) as refusal:
        codec.decode_request(frame)
    assert refusal.value.code == "invalid_request"
    assert refusal.value.message.startswith("Request ")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoders(frame: bytes) -> None:
    """Random bytes are a message or a PblmError, never another exception."""
    for decode in (codec.decode_request, codec.decode_answer, codec.decode_event):
        try:
            decode(frame)
        except PblmError:
            continue


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"garbage",
        b'{"event":"\xff"}',
        b'{"type":"Nonsense","event":"nonsense"}',
        b'{"v":2,"type":"HealthAnswer","event":"heartbeat"}',
        b"[" * 100_000,
        b'{"event":"heartbeat","type":"HealthAnswer","x":' + b"[" * 100_000,
    ],
    ids=lambda frame: repr(frame[:50]),
)
def test_another_protocol_is_unavailable(frame: bytes) -> None:
    """Answers and events that cannot be understood count as a manager that is not there."""
    for decode in (codec.decode_answer, codec.decode_event):
        with pytest.raises(Unavailable, match="another protocol"):
            decode(frame)


def test_a_request_has_a_largest_size() -> None:
    """The limit is a limit: the last byte that fits is read, and one more is refused unread."""
    frame = b'{"type":"ListInstances"}'.ljust(codec.MAX_FRAME)
    assert codec.decode_request(frame) == ListInstances()
    with pytest.raises(InvalidRequest, match="Request of 65537 bytes: at most 65536 are taken"):
        codec.decode_request(frame + b" ")


@pytest.mark.parametrize("user_id", ["", "..", "a/b", "a\0", "a" * 129, "-a", "ä", "a\n", "🦊"])
def test_a_bad_user_id_over_the_wire_has_its_own_code(user_id: str) -> None:
    """A well-formed request about an impossible user says so, with the code of user ids."""
    frame = json.dumps({"type": "GetInstance", "user_id": user_id}).encode()
    with pytest.raises(InvalidUserId) as refusal:
        codec.decode_request(frame)
    assert refusal.value.code == "invalid_user_id"


def test_a_bad_user_id_is_refused_before_it_travels() -> None:
    """A request is checked when it is made."""
    with pytest.raises(InvalidUserId):
        GetInstance(user_id="../etc")


def test_a_request_may_say_more_than_is_known() -> None:
    """Unknown fields and a missing version are read over, so that the protocol can grow."""
    frame = b'{"type":"InitInstance","user_id":"alice","colour":"red"}'
    assert codec.decode_request(frame) == InitInstance(user_id="alice")


def test_an_event_looks_as_promised() -> None:
    """The JSON of a status event has the contract's fields, and its topic the contract's form."""
    event = msgspec.structs.replace(changed("bob"), epoch="e", seq=7)
    said = json.loads(codec.encode(event))
    shown = said.pop("instance")
    assert said == {
        "v": 1,
        "epoch": "e",
        "seq": 7,
        "at": "2024-01-15T10:30:00Z",
        "event": "status_changed",
        "user_id": "bob",
        "old": "Starting",
        "status": "Running",
        "reason": "asked by a test",
    }
    assert shown["user_id"] == "bob"
    assert shown["created_at"] == "2024-01-15T10:30:00Z"
    assert shown["last_health_check"] is None
    assert event.topic == "instance.bob.status_changed"
    assert events.Heartbeat(at=NOW).topic == "hub.heartbeat"
