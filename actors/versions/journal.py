"""Journal: what is remembered of the last rollout, also by the next manager."""

from __future__ import annotations

import logging

import msgspec

from actors.layout import Layout
from actors.versions.shelf import Binary
from bus.causes import Cause
from bus.errors import InstanceIOError
from bus.rollout import Rollout, RolloutState

log = logging.getLogger(__name__)


def read_rollout(layout: Layout) -> Rollout | None:
    """Return the last rollout; None when there was none, or it cannot be read."""
    try:
        return msgspec.json.decode(layout.rollout.read_bytes(), type=Rollout)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.error("%s cannot be read: %s", layout.rollout, error)
        return None


def write_rollout(layout: Layout, rollout: Rollout) -> None:
    """Remember it; raise :class:`InstanceIOError` when that is impossible."""
    draft = layout.rollout.with_suffix(".new")
    try:
        draft.write_bytes(msgspec.json.encode(rollout))
        draft.rename(layout.rollout)
    except OSError as error:
        raise InstanceIOError(
            f"IO error: {layout.rollout} cannot be written: {error}", cause=Cause.IO_ERROR
        ) from error


def is_held(rollout: Rollout, binary: Binary) -> bool:
    """Whether ``binary`` waits for another rollout, as this one of it was not finished."""
    return rollout.state is not RolloutState.FINISHED and rollout.binary == binary.digest
