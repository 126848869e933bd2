"""What schemathesis does not know by itself: how an archive is sent, and that it ends soon."""

from __future__ import annotations

import gc
from typing import Any

import schemathesis

gc.disable()
"""A fifth of the CPU time goes into looking for what could be freed of a run of some seconds."""


@schemathesis.serializer("application/zip")
def send_archive(ctx: Any, value: Any) -> bytes:
    """Send it as it is."""
    content = getattr(value, "data", value)
    return content if isinstance(content, bytes) else str(content).encode()
