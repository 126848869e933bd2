"""What every answer has."""

from __future__ import annotations

from typing import Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the answers."""

    v: Literal[1] = 1
