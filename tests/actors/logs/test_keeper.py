"""The log keeper: it reads out whole lines, and from where one left off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.facts import Asked
from actors.logs import files, keeper
from actors.logs.keeper import LogKeeper, RotationDue, log_keeper
from actors.logs.reading import MAX_TEXT
from bus.answers import LogAnswer
from bus.requests import ReadLog
from tests.actors.fakes import AtOnce
from tests.actors.house import Caller, House


class Desk:
    """A log keeper, and somebody who asks it about alice."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.log = house.layout.log("alice")
        self.actor = LogKeeper.start(house.services, AtOnce())

    def write(self, text: bytes) -> None:
        with open(self.log, "ab") as log:
            log.write(text)

    def ask(self, **what: object) -> Caller:
        caller = Caller()
        request = ReadLog(user_id="alice", **what)  # type: ignore[arg-type]
        self.actor.tell(Asked(request=request, reply=caller.answers.put))
        self.settle()
        return caller

    def read(self, **what: object) -> LogAnswer:
        answer = self.ask(**what).answer()
        assert isinstance(answer, LogAnswer), answer
        return answer

    def settle(self) -> None:
        """Return when it has taken what it was told, and what it told itself at that."""
        for _ in range(2):
            known = Caller()
            request = ReadLog(user_id="nobody")
            self.actor.tell(Asked(request=request, reply=known.answers.put))
            known.error()

    def advance(self, seconds: float) -> None:
        self.house.clock.advance(seconds)
        self.settle()


@pytest.fixture
def desk(house: House) -> Iterator[Desk]:
    house.run("alice")
    desk = Desk(house)
    yield desk
    desk.actor.stop()


def test_the_last_lines_are_told(desk: Desk) -> None:
    """As many as were asked for, in their order."""
    assert desk.read().text == ""
    desk.write(b"".join(b"line %d\n" % number for number in range(200)))
    assert desk.read(lines=2).text == "line 198\nline 199\n"
    assert desk.read().text.count("\n") == 100
    assert desk.read(lines=0).text == ""
    assert desk.read(lines=10_000).text.startswith("line 0\n")


def test_one_goes_on_where_one_left_off(desk: Desk) -> None:
    """A cursor leads to what was written since, once each."""
    desk.write(b"one\n")
    first = desk.read()
    desk.write(b"two\nthree\n")
    second = desk.read(cursor=first.cursor)
    assert second.text == "two\nthree\n"
    assert desk.read(cursor=second.cursor).text == ""
    assert desk.read(cursor=first.cursor).text == "two\nthree\n"


def test_a_cursor_outlives_a_rotation(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not read before the file began anew is read from its older part."""
    monkeypatch.setattr(keeper, "MIB", 10)  # PB_INSTANCE_LOG_MIB counts tens of bytes now
    process = house.process("alice")
    process._log, process._log_offset = desk.log, 0
    desk.write(b"one\n")
    first = desk.read()
    desk.write(b"two " * 20 + b"\n")
    desk.actor.tell(RotationDue())
    desk.settle()
    assert len(files.all_of(desk.log)) == 2
    desk.write(b"three\n")
    assert desk.read(cursor=first.cursor).text == "two " * 20 + "\nthree\n"
    assert desk.read(lines=1).text == "three\n"
    desk.write(b"x" * 200 + b"\n")
    desk.advance(keeper.ROTATION)
    assert len(files.all_of(desk.log)) == 3


def test_a_cursor_of_another_life_counts_as_none(desk: Desk) -> None:
    """After a new start of the manager one gets the last lines again, and no error."""
    desk.write(b"one\ntwo\n")
    for cursor in ("00000000:4", "nonsense", "", ":", desk.read().cursor + "x"):
        assert desk.read(cursor=cursor, lines=1).text == "two\n"


def test_a_line_is_told_when_it_is_finished(desk: Desk, house: House) -> None:
    """Half a line is kept back, unless nobody is there to finish it."""
    desk.write(b"one\ntw")
    first = desk.read()
    assert first.text == "one\n"
    desk.write(b"o\nthr")
    second = desk.read(cursor=first.cursor)
    assert second.text == "two\n"
    house.stop("alice")
    house.end("alice")
    assert desk.read(cursor=second.cursor).text == "thr"


def test_a_secret_is_hidden(desk: Desk) -> None:
    """The token in PocketBase's installer link is told to nobody, in whatever pieces it comes."""
    desk.write(b"http://127.0.0.1/_/#/pbinstall/eyJhbGci")
    first = desk.read()
    desk.write(b"OiJIUzI1NiJ9.secret\n")
    text = first.text + desk.read(cursor=first.cursor).text
    assert text == "http://127.0.0.1/_/#/pbinstall/(hidden)\n"


def test_an_endless_line_is_told_in_pieces(desk: Desk) -> None:
    """What never ends must not be kept back for ever."""
    start = desk.read().cursor
    desk.write(b"x" * (MAX_TEXT + 10))
    first = desk.read(cursor=start)
    assert len(first.text) == MAX_TEXT
    assert desk.read(cursor=first.cursor).text == ""
    desk.write(b"\n")
    assert desk.read(cursor=first.cursor).text == "x" * 10 + "\n"


def test_the_first_line_is_never_half_a_line(desk: Desk) -> None:
    """Where more was written than is told at a time, it begins with a whole line."""
    desk.write(b"".join(b"%06d %s\n" % (number, b"x" * 93) for number in range(5000)))
    lines = desk.read(lines=10_000).text.splitlines()
    assert {len(line) for line in lines} == {100}
    assert 2000 < len(lines) < 3000


def test_one_may_wait_for_more(desk: Desk) -> None:
    """An answer that waits comes with the first line that is written."""
    desk.write(b"old\n")
    caller = desk.ask(cursor=desk.read().cursor, wait_seconds=10.0)
    desk.advance(5.0)
    assert caller.waits
    desk.write(b"new\n")
    desk.advance(keeper.POLL)
    answer = caller.answer()
    assert isinstance(answer, LogAnswer)
    assert answer.text == "new\n"


def test_a_wait_without_a_cursor_is_for_what_comes(desk: Desk) -> None:
    """With no lines asked for, the first one that is written is told."""
    desk.write(b"old\n")
    caller = desk.ask(lines=0, wait_seconds=10.0)
    desk.write(b"new\n")
    desk.advance(keeper.POLL)
    answer = caller.answer()
    assert isinstance(answer, LogAnswer)
    assert answer.text == "new\n"


def test_a_wait_ends(desk: Desk) -> None:
    """With nothing written, the answer is empty, and goes on at the same place."""
    first = desk.read()
    caller = desk.ask(cursor=first.cursor, wait_seconds=10.0)
    desk.advance(9.9)
    assert caller.waits
    desk.advance(2 * keeper.POLL)
    assert caller.answer() == first


def test_only_so_many_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused with a time to come again; who does not wait is served."""
    monkeypatch.setattr(keeper, "MAX_WAITING", 2)
    callers = [desk.ask(wait_seconds=10.0) for _ in range(2)]
    refused = desk.ask(wait_seconds=10.0).error()
    assert (refused.code, refused.retry_after) == ("unavailable", 5)
    assert desk.read().text == ""
    assert all(caller.waits for caller in callers)


def test_who_is_not_known_has_no_log(desk: Desk) -> None:
    """An unknown user is an error."""
    caller = Caller()
    request = ReadLog(user_id="zed")
    desk.actor.tell(Asked(request=request, reply=caller.answers.put))
    assert caller.error().code == "not_found"


def test_a_log_that_cannot_be_read_is_an_error(desk: Desk) -> None:
    """What the disk refuses is told as such."""
    desk.log.unlink(missing_ok=True)
    desk.log.mkdir()
    assert desk.ask().error().code == "io_error"
    os.rmdir(desk.log)


def test_it_is_closed_with_its_thread(house: House, tmp_path: Path) -> None:
    """Nothing of it lives on."""
    capability = log_keeper(house.services)
    capability.close()
    assert not capability.owner.is_alive()
