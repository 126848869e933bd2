"""Settings: what is made ready for users that do not exist yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, at_least, refusal, setting


@dataclass(frozen=True, kw_only=True)
class NurserySettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "New users"

    seeds: int = setting("PB_SEEDS", "how many, from 0", at_least(0), 16)
    spares: int = setting("PB_SPARES", "how many, from 0", at_least(0), 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spares and not self.seeds:
            raise refusal("PB_SPARES", str(self.spares), "0 with PB_SEEDS=0: each begins as a seed")
