"""The page about the live status says what the code does."""

from __future__ import annotations

import msgspec

from api.live import listener, messages, room, wish
from api.live.listener import Close
from api.live.messages import SnapshotPart
from tests.docs.pages import sections

PAGE = sections("live")


def test_every_query_parameter_is_on_the_page() -> None:
    """What a listener may ask for is there, and nothing else is."""
    assert [row[0] for row in PAGE["What may be asked for"].rows()] == [*wish.TAKES]


def test_the_snapshot_is_on_the_page() -> None:
    """The example is a snapshot, and the table has its fields."""
    (example,) = PAGE["What comes"].examples()
    assert msgspec.to_builtins(msgspec.convert(example, SnapshotPart)) == example
    rows = {row[0] for row in PAGE["What comes"].rows()}
    assert rows == {*SnapshotPart.__struct_fields__} - {"v"}


def test_every_reason_to_close_is_on_the_page() -> None:
    """The codes of our own have their names; the others are the standard's."""
    rows = PAGE["Why a connection is closed"].rows()
    ours = {row[1]: int(row[0]) for row in rows if row[1].isupper()}
    assert ours == {each.name: each.value for each in Close}


def test_the_numbers_are_those_of_the_code() -> None:
    """How many are kept, how long is waited."""
    text = " ".join("".join(each.text for each in PAGE.values()).split())
    assert f"at most {messages.PART} instances" in text
    assert f"the last {room.KEPT:,} events" in text
    assert f"then every {room.EVERY} seconds" in text
    assert f"{listener.LONGEST:,} messages wait" in text
    assert f"within {listener.CLOSE_PATIENCE:g} seconds" in text
