"""Particulars: what was decided about a user beside its data, and goes where the user goes."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.backups.policy import read_policy, write_policy
from actors.layout import Layout
from actors.store import Store
from bus.backup import PolicyChange
from bus.sleep import SleepPolicy


class Particulars(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an app has put beside the user's instance, and what holds for it alone."""

    metadata: dict[str, Any] = {}
    sleep: SleepPolicy = SleepPolicy()
    backups: PolicyChange = PolicyChange()


NONE = Particulars()
"""Those of a user of whom nothing was decided."""


def particulars_of(user_id: str, store: Store, layout: Layout) -> Particulars:
    """Return what this host keeps."""
    return Particulars(
        metadata=store.metadata(user_id),
        sleep=store.sleep_policy(user_id) or NONE.sleep,
        backups=read_policy(layout.backups(user_id)),
    )


def put_particulars(user_id: str, what: Particulars, store: Store, layout: Layout) -> None:
    """Keep these, of somebody whose actor knows of none. Raises :class:`bus.errors.PblmError`."""
    here = particulars_of(user_id, store, layout)
    if what.metadata != here.metadata:
        store.put_metadata(user_id, what.metadata)
    if what.sleep != here.sleep:
        store.put_sleep_policy(user_id, what.sleep)
    folder = layout.backups(user_id)  # it may be there, of the last time that the user was here
    if what.backups != read_policy(folder):
        write_policy(folder, what.backups)
