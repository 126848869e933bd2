"""Seeds: data directories that wait for new users, so that a first start takes no longer."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from actors.data.database import UserDataError
from actors.data.template import Template
from actors.data.userdata import put_app_name

log = logging.getLogger(__name__)


class Seeds:
    """Those that are ready. Each has secrets and an identity of its own, and is taken once.

    Filled by the :class:`actors.nursery.nursery.Nursery`, taken from by the actors of the
    instances. Like the queue of starts it is no actor, so that nobody waits for it.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._ready: deque[Path] = deque()
        self._on_taken: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._ready)

    def on_taken(self, call: Callable[[], None]) -> None:
        """Call ``call`` whenever one was taken, on the thread that takes it."""
        self._on_taken = call

    def add(self, seed: Path) -> None:
        """Have one more."""
        self._ready.append(seed)

    def take(self) -> Path | None:
        """Return one that is nobody else's from now on, or None when there is none."""
        try:
            seed = self._ready.popleft()
        except IndexError:
            return None
        if self._on_taken is not None:
            self._on_taken()
        return seed

    def plant(self, user_id: str, data: Path) -> frozenset[str] | None:
        """Make one the new user's ``data``, which is an empty directory.

        Returns the migrations that it has had; None when there is none, or it cannot be planted:
        PocketBase makes its own then.
        """
        seed = self.take()
        if seed is None:
            return None
        try:
            had = put_app_name(seed, self._template.app_name(user_id))
            os.rename(seed, data)  # whole at any moment; refused where anything is in the way
        except (OSError, UserDataError) as error:
            log.warning("%s: begins without a seed: %s", user_id, error)
            return None
        return had
