"""What the manager begins with: the shelf, and which PocketBase is the current one."""

from __future__ import annotations

import logging
from datetime import timedelta

from actors.clock import utc_now
from actors.layout import Layout
from actors.store import Store
from actors.versions.journal import is_held, read_rollout
from actors.versions.shelf import Shelf
from actors.versions.trial import finish_trials
from actors.versions.versions import Versions
from bus.settings import Settings

log = logging.getLogger(__name__)

KEPT = timedelta(days=7)
"""How long the data from before an upgrade are kept."""


def open_versions(settings: Settings, layout: Layout, store: Store) -> Versions:
    """Put the PocketBase of the settings on the shelf, and see to trials that were interrupted.

    One whose rollout has not been finished is not the current one: what was before it is. Raises
    :class:`bus.errors.ProcessError` when there is none, :class:`bus.errors.InstanceIOError`.
    """
    shelf = Shelf(layout)
    current = shelf.put(settings.binary_path)
    rollout = read_rollout(layout)
    used = {current.digest, *(record.binary for record in store.records())}
    if rollout is not None and is_held(rollout, current):
        former = shelf.find(rollout.former_binary)
        if former is not None:
            log.warning("%s waits for another rollout (the last one: %s)", current, rollout.state)
            used.add(former.digest)
            current = former
    shelf.clear(used)
    finish_trials(store, layout, utc_now() - KEPT)
    return Versions(shelf, current, settings.binary_path)
