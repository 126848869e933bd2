"""Bytes to messages and back: JSON, checked against the types of the messages."""

from __future__ import annotations

import functools
from typing import TypeVar

import msgspec

from bus.answers import Answer, AnyAnswer
from bus.errors import InvalidRequest, Unavailable
from bus.events import AnyEvent, Event
from bus.requests import AnyRequest, Request

MAX_FRAME = 64 * 1024
"""The largest request, in bytes."""

_encoder = msgspec.json.Encoder()

_NOT_UNDERSTOOD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_T = TypeVar("_T")


# A decoder knows all types of its messages, which takes 10 ms. So each is made when it is needed
# first: who asks does not read requests, and the manager no answers.


@functools.cache
def _requests() -> msgspec.json.Decoder[AnyRequest]:
    return msgspec.json.Decoder(AnyRequest)


@functools.cache
def _answers() -> msgspec.json.Decoder[AnyAnswer]:
    return msgspec.json.Decoder(AnyAnswer)


@functools.cache
def _events() -> msgspec.json.Decoder[AnyEvent]:
    return msgspec.json.Decoder(AnyEvent)


def encode(message: Request | Answer | Event) -> bytes:
    """Return the message as it goes over the wire."""
    return _encoder.encode(message)


def decode_request(frame: bytes) -> AnyRequest:
    """Read a request from anywhere; raise :class:`InvalidRequest` saying what is wrong."""
    if len(frame) > MAX_FRAME:
        raise InvalidRequest(f"Request of {len(frame)} bytes: at most {MAX_FRAME} are taken")
    try:
        return _requests().decode(frame)
    except _NOT_UNDERSTOOD as error:
        raise InvalidRequest(f"Request cannot be understood: {error}") from error


def decode_answer(frame: bytes) -> AnyAnswer:
    """Read an answer of the manager; raise :class:`Unavailable` if it speaks another protocol."""
    return _decode(_answers(), frame)


def decode_event(frame: bytes) -> AnyEvent:
    """Read an event of the manager; raise :class:`Unavailable` if it speaks another protocol."""
    return _decode(_events(), frame)


def _decode(decoder: msgspec.json.Decoder[_T], frame: bytes) -> _T:
    try:
        return decoder.decode(frame)
    except _NOT_UNDERSTOOD as error:
        raise Unavailable(f"The manager speaks another protocol: {error}") from error
