"""What was set for one user's backups: a file beside them."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from actors.durable import write_file
from actors.layout import make_private_directory
from bus.backup import PolicyChange
from bus.errors import BackupError

POLICY = "policy.json"

log = logging.getLogger(__name__)


def read_policy(folder: Path) -> PolicyChange:
    """Return what was set; nothing when that cannot be read: the settings hold then."""
    path = folder / POLICY
    try:
        return msgspec.json.decode(path.read_bytes(), type=PolicyChange)
    except FileNotFoundError:
        return PolicyChange()
    except (OSError, msgspec.DecodeError) as error:
        log.error("%s cannot be read, the settings hold instead: %s", path, error)
        return PolicyChange()


def write_policy(folder: Path, policy: PolicyChange) -> None:
    """Keep what is set; raise :class:`BackupError`."""
    try:
        make_private_directory(folder)
        write_file(folder / POLICY, msgspec.json.encode(policy))
    except OSError as error:
        raise BackupError(f"{folder / POLICY} cannot be written: {error}") from error
