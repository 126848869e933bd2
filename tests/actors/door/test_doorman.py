"""The doorman: whom a label means, and what it costs to find that it means nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.door.doorman import make_doorman
from actors.facts import Asked
from actors.store import Store
from bus.errors import NotFound
from bus.labels import label_of
from bus.requests import WakeHost
from tests.actors.house import Caller, opened

LONG = "A" * 40
"""Escaped it is too long for a host label."""


def test_a_label_of_nobody_is_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers try as many as they like: no user is looked at for a label that is nobody's."""
    with opened(tmp_path) as house:
        house.run(LONG)
        doorman = make_doorman(house.services)
        monkeypatch.setattr(Store, "records", None)  # whoever goes over all rows fails
        try:
            stranger, friend = Caller(), Caller()
            for caller, label in ((stranger, label_of("B" * 40)), (friend, label_of(LONG))):
                request = WakeHost(label=label)
                doorman.owner.tell(Asked(request=request, reply=caller.answers.put))
            assert stranger.error().code == NotFound.code
            assert friend.instance().user_id == LONG
        finally:
            monkeypatch.undo()
            doorman.close()
