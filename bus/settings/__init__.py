"""Every setting of the manager, read from the environment once; one file per topic.

A new topic is a group of fields in a file of its own, named in :data:`bus.settings.manager.GROUPS`
and among the bases of :class:`Settings`.
"""

from __future__ import annotations

from bus.settings.doors import MAX_IPC_PATH
from bus.settings.fields import is_loopback
from bus.settings.instances import find_pocketbase
from bus.settings.manager import GROUPS, Settings

__all__ = ["GROUPS", "MAX_IPC_PATH", "Settings", "find_pocketbase", "is_loopback"]
