"""Settings: what is made ready for users that do not exist yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, at_least, setting


@dataclass(frozen=True, kw_only=True)
class NurserySettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "New users"

    seeds: int = setting("PB_SEEDS", "how many, from 0", at_least(0), 16)
