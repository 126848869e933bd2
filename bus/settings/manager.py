"""All settings of the manager, in one object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from bus.settings.backups import BackupSettings
from bus.settings.cluster import ClusterSettings
from bus.settings.doors import DoorSettings
from bus.settings.fields import Group, refusal
from bus.settings.gateway import GatewaySettings
from bus.settings.instances import InstanceSettings
from bus.settings.isolation import IsolationSettings
from bus.settings.live import LiveSettings
from bus.settings.logs import LogSettings
from bus.settings.monitor import MonitorSettings
from bus.settings.nursery import NurserySettings
from bus.settings.replication import S3, ReplicationSettings
from bus.settings.sleep import SleepSettings
from bus.settings.template import TemplateSettings

GROUPS: tuple[type[Group], ...] = (
    InstanceSettings,
    DoorSettings,
    LiveSettings,
    TemplateSettings,
    IsolationSettings,
    MonitorSettings,
    NurserySettings,
    LogSettings,
    ReplicationSettings,
    BackupSettings,
    SleepSettings,
    GatewaySettings,
    ClusterSettings,
)
"""The groups, in the order of the reference."""


@dataclass(frozen=True, kw_only=True)
class Settings(
    LiveSettings,
    TemplateSettings,
    IsolationSettings,
    MonitorSettings,
    NurserySettings,
    LogSettings,
    ClusterSettings,
    ReplicationSettings,
    BackupSettings,
    SleepSettings,
    GatewaySettings,
):
    """The settings; each field's metadata holds its variable and what it takes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_spares()
        self._check_keys("PB_REPLICA_URL", self.replica_url)
        self._check_keys("PB_BACKUP_URL", self.backup_url)

    def _check_keys(self, name: str, url: str | None) -> None:
        keys = (self.replica_access_key_id, self.replica_secret_access_key)
        if url is not None and url.startswith(S3) and None in keys:
            both = "PB_REPLICA_ACCESS_KEY_ID and PB_REPLICA_SECRET_ACCESS_KEY"
            raise refusal(name, url, f"a directory unless {both} are set")

    def _check_spares(self) -> None:
        """A process has its uid, its limits and its parent for life, and a spare is nobody's."""
        for_life = (
            self.memory_limit_mib,
            self.cpu_weight,
            self.open_files_limit,
            self.replica_url,
        )
        if self.spares and (self.isolation != "none" or any(each is not None for each in for_life)):
            takes = "0 with PB_ISOLATION=uid, limits or PB_REPLICA_URL: a process has them for life"
            raise refusal("PB_SPARES", str(self.spares), takes)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; raise :class:`SettingsError` naming the variable that is wrong.

        A variable that is set to nothing counts as not set.
        """
        values = {}
        for each in fields(cls):
            text = environ.get(each.metadata["name"], "")
            if text:
                try:
                    values[each.name] = each.metadata["parse"](text)
                except ValueError:
                    shown = "(hidden)" if each.metadata["secret"] else text
                    raise refusal(each.metadata["name"], shown, each.metadata["takes"]) from None
        return cls(**values)
