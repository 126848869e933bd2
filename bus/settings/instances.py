"""Settings: the instances, where they are and how they are looked after."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bus.settings.fields import (
    Group,
    count,
    directory,
    grace,
    one_of,
    port,
    refusal,
    seconds,
    setting,
    text,
)


def find_pocketbase() -> str:
    """Return the ``pocketbase`` beside the running Python, else the one on ``PATH``."""
    beside = Path(sys.executable).with_name("pocketbase")
    if beside.exists():
        return str(beside)
    return shutil.which("pocketbase") or "pocketbase"


def _default_max_starting() -> int:
    return 2 * (os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class InstanceSettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "Instances"

    binary_path: str = setting(
        "PB_BINARY_PATH",
        "the path of a PocketBase executable",
        text,
        find_pocketbase,
        "the `pocketbase` beside the running Python, else on `PATH`",
    )
    base_port: int = setting("PB_BASE_PORT", "a port from 1 to 65535", port, 9000)
    port_range: int = setting("PB_PORT_RANGE", "how many ports, from 1", count, 1000)
    user_dbs_path: Path = setting(
        "PB_USER_DBS_PATH", "a directory", directory, Path("./user_dbs"), "./user_dbs"
    )
    start_timeout: float = setting("PB_START_TIMEOUT", "seconds, more than 0", seconds, 15.0)
    upgrade_timeout: float = setting("PB_UPGRADE_TIMEOUT", "seconds, more than 0", seconds, 60.0)
    stop_timeout: float = setting("PB_STOP_TIMEOUT", "seconds, more than 0", seconds, 5.0)
    health_interval: float = setting("PB_HEALTH_INTERVAL", "seconds, more than 0", seconds, 30.0)
    health_timeout: float = setting("PB_HEALTH_TIMEOUT", "seconds, more than 0", seconds, 3.0)
    max_starting: int = setting(
        "PB_MAX_STARTING", "how many, from 1", count, _default_max_starting, "2 x cores"
    )
    start_queue: int = setting("PB_START_QUEUE", "how many, from 1", count, 1000)
    on_exit: str = setting("PB_ON_EXIT", "`stop` or `keep`", one_of("stop", "keep"), "stop")
    delete_grace: float = setting(
        "PB_DELETE_GRACE", "seconds, from 0", grace, 604_800.0, "604800 (7 days)"
    )
    disk_low_mib: int = setting("PB_DISK_LOW_MIB", "how many MiB, from 1", count, 1024)

    @property
    def control_path(self) -> Path:
        """The manager's own directory, beside the users' data directories."""
        return self.user_dbs_path / ".pblm"

    @property
    def run_path(self) -> Path:
        """Where the sockets are."""
        return self.control_path / "run"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "user_dbs_path", self.user_dbs_path.absolute())
        if self.base_port + self.port_range > 65_536:
            raise refusal(
                "PB_PORT_RANGE",
                str(self.port_range),
                f"at most {65_536 - self.base_port} with PB_BASE_PORT={self.base_port}",
            )
