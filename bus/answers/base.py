"""What every answer has."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the answers."""

    v: Literal[1] = 1

    def told(self) -> dict[str, Any]:
        """What it tells, by name: without what only the bus needs, and what is left out."""
        members = {name: getattr(self, name) for name in self.__struct_fields__ if name != "v"}
        return {name: each for name, each in members.items() if each is not msgspec.UNSET}
