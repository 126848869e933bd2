"""The key of a host."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bus.errors import SettingsError
from bus.peers.keys import KeyPair


def test_a_host_keeps_its_key(tmp_path: Path) -> None:
    """It is made once, for the owner's eyes only, and is not told by accident."""
    path = tmp_path / "peer.key"
    made = KeyPair.remembered(path)
    assert KeyPair.remembered(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["peer.key"]
    assert made.secret not in repr(made)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """With the command that mends it."""
    path = tmp_path / "peer.key"
    KeyPair.remembered(path)
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        KeyPair.remembered(path)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    """With what to do about it."""
    path = tmp_path / "peer.key"
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="remove it"):
        KeyPair.remembered(path)
