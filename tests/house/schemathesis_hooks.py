"""What schemathesis does not know by itself: how an archive is sent."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/zip")
def send_archive(ctx: Any, value: Any) -> bytes:
    """Send it as it is."""
    content = getattr(value, "data", value)
    return content if isinstance(content, bytes) else str(content).encode()
