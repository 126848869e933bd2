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
from bus.settings.replication import ReplicationSettings
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
