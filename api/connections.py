"""Connections: what kind of them the API has."""

from __future__ import annotations

import re
from typing import Any

from api.channel import Channel, quick
from api.uploads import upload_channel
from bus.settings import Settings

STATUS = re.compile(r"/api/users/[^/]+/pb_status")


def channel_class(settings: Settings) -> type[Channel]:
    """Return the class of the API's connections: archives may be large, a status is quick.

    In a cluster another host may have to be asked for it, and then it takes time.
    """
    channel = upload_channel(settings)
    return channel if settings.cluster_etcd else quick(channel, _is_status)


def _is_status(call: Any) -> bool:
    """Whether it asks for an instance, of which the registry's memory knows all."""
    asks = call.command == "GET" and not call.query and call.error is None
    return asks and STATUS.fullmatch(call.path) is not None
