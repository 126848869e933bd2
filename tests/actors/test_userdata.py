"""The keys that tokens are signed with: nobody's but one user's."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest

from actors.data import userdata
from actors.data.userdata import ALPHABET, KEY_LENGTH, TokenKey

MANY = 1000
SIX_SIGMA = 170
"""How far a letter that comes some 806 times may be from that: 6 * sqrt(806)."""


def test_a_key_is_as_long_as_pocketbases_own_and_of_all_letters_alike() -> None:
    """No two are the same, and no letter is likelier than another."""
    keys = [userdata._random_key() for _ in range(MANY)]
    assert len(set(keys)) == MANY
    assert {len(key) for key in keys} == {KEY_LENGTH}
    counts = Counter("".join(keys))
    fair = MANY * KEY_LENGTH / len(ALPHABET)
    assert set(counts) == set(ALPHABET)
    assert all(abs(count - fair) < SIX_SIGMA for count in counts.values())


def test_bytes_that_would_favour_some_letters_are_drawn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 256 values the last eight are one too many for each of the first eight letters."""
    drawn = [bytes(range(248, 256)), bytes([0, 61, 62, 247]), bytes(100)]
    monkeypatch.setattr(secrets, "token_bytes", lambda count: drawn.pop(0))
    assert userdata._random_key() == "a9a9" + "a" * (KEY_LENGTH - 4)
    assert not drawn


def test_a_key_does_not_show_its_secret() -> None:
    """Messages that have one may be logged."""
    key = TokenKey(collection_id="c1", record_id="r1", secret="hush", seconds=60)
    assert "c1/r1" in repr([key])
    assert "hush" not in repr([key])
