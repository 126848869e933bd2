"""What a user id may look like."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import InvalidUserId
from bus.user_id import MAX_LENGTH, check_user_id

FIRST = string.ascii_letters + string.digits
REST = FIRST + "._@+-"


def allowed(text: str) -> bool:
    return 1 <= len(text) <= 128 and text[0] in FIRST and all(char in REST for char in text)


@given(st.text(FIRST, min_size=1, max_size=1), st.text(REST, max_size=MAX_LENGTH - 1))
def test_an_id_of_the_allowed_characters_is_returned(first: str, rest: str) -> None:
    """Every id that the contract allows is taken as it is."""
    assert check_user_id(first + rest) == first + rest


@given(st.text(max_size=140) | st.text(REST + "/\\\0\n%", max_size=140))
def test_an_id_is_taken_exactly_when_the_contract_allows_it(text: str) -> None:
    """The check and the contract's words say the same of any text."""
    if allowed(text):
        assert check_user_id(text) == text
    else:
        with pytest.raises(InvalidUserId, match=r"^Invalid user ID ") as refusal:
            check_user_id(text)
        assert refusal.value.message.isprintable()


@pytest.mark.parametrize(
    "text", ["", ".", "..", "-rf", "_a", "@a", "a/b", "a\\b", "a\0", "a\n", "a b", "é", "🦊", "%2F"]
)
def test_a_dangerous_id_is_refused(text: str) -> None:
    """Nothing that could leave a directory, hide in it or look like an option is an id."""
    with pytest.raises(InvalidUserId):
        check_user_id(text)


@pytest.mark.parametrize(("length", "good"), [(1, True), (128, True), (129, False), (200, False)])
def test_the_length_has_an_end(length: int, good: bool) -> None:
    """An id has 1 to 128 characters."""
    assert allowed("a" * length) is good
    if good:
        check_user_id("a" * length)
    else:
        with pytest.raises(InvalidUserId):
            check_user_id("a" * length)


def test_a_refusal_does_not_repeat_what_is_endless() -> None:
    """The message stays short however long the id was."""
    with pytest.raises(InvalidUserId) as refusal:
        check_user_id("a" * 1_000_000)
    assert len(refusal.value.message) < 300
