"""Progress: how far something is that takes its time, told to everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from actors.services import Services
from bus.events import BackupProgressed

Operation = Literal["backup", "proof", "restore", "import"]


def progress_of(services: Services, user_id: str, operation: Operation) -> Callable[[str], None]:
    """Return what is called with each stage, in words, from any thread."""

    def tell(stage: str) -> None:
        now = services.clock.now()
        services.publish(
            BackupProgressed(at=now, user_id=user_id, operation=operation, stage=stage)
        )

    return tell
