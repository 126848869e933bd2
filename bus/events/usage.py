"""Events: what was measured. Only who subscribes to ``usage.`` hears them."""

from __future__ import annotations

from typing import ClassVar

from bus.events.base import Event
from bus.usage import Usage


class UsageSampled(Event, frozen=True, kw_only=True, tag="usage_sampled"):
    """An instance's process was looked at.

    It has no number of its own: who misses one misses nothing, the next one follows.
    """

    numbered: ClassVar[bool] = False
    user_id: str
    usage: Usage

    @property
    def topic(self) -> str:
        """``usage.<user_id>.usage_sampled``."""
        return f"usage.{self.user_id}.{self.__struct_config__.tag}"
