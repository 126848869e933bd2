"""Host labels: one for every user id, and the way back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.labels import is_hashed, label_of, user_of

FIRST = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
USER_IDS = st.builds(
    str.__add__, st.sampled_from(FIRST), st.text(alphabet=FIRST + "._@+-", max_size=127)
)
TRICKY = st.text(alphabet="aAeh0-.", min_size=1, max_size=9).filter(lambda text: text[0].isalnum())
LABELS = st.text(alphabet="eha04-", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("user_id", "label"),
    [
        ("alice", "alice"),
        ("user-1", "user-1"),
        ("a" * 63, "a" * 63),
        ("Ann.Lee@x", "e--ann-0-lee-2x"),
        ("a_b+c", "e-a-1b-3c"),
        ("e-x", "e-e-4x"),
        ("h-x", "e-h-4x"),
        ("xn--p", "e-xn-4-4p"),
        ("tail-", "e-tail-4"),
    ],
)
def test_a_label_can_be_read(user_id: str, label: str) -> None:
    """A plain id stands as it is, any other is escaped where it must be."""
    assert label_of(user_id) == label
    assert user_of(label) == user_id


@given(USER_IDS | TRICKY)
def test_every_user_has_a_label_and_it_leads_back(user_id: str) -> None:
    """Whatever the id: the label is one of DNS, and tells the user unless it is a hash."""
    label = label_of(user_id)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label)
    assert label[2:4] != "--"
    assert user_of(label) == (None if is_hashed(label) else user_id)


@given(st.lists(USER_IDS | TRICKY, unique=True, max_size=20))
def test_no_two_users_share_a_label(user_ids: list[str]) -> None:
    """Different ids have different labels."""
    assert len({label_of(user_id) for user_id in user_ids}) == len(user_ids)


@given(LABELS)
def test_a_label_is_of_one_spelling(label: str) -> None:
    """A label that leads to a user is that user's label, and no other one does."""
    user_id = user_of(label)
    assert user_id is None or label_of(user_id) == label


def test_a_long_id_is_hashed() -> None:
    """What does not fit has a label too."""
    label = label_of("A" * 128)
    assert len(label) == 54
    assert is_hashed(label)
    assert label != label_of("A" * 127)


@pytest.mark.parametrize("label", ["", "-a", "A", "a.b", "a" * 64, "e-", "e-x", "tail-", "ab--c"])
def test_what_is_nobodys_label_leads_nowhere(label: str) -> None:
    """A spelling that no user has is refused."""
    assert user_of(label) is None
