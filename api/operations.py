"""All calls, as they are described in ``/openapi.json``: one table for each resource."""

from __future__ import annotations

from api import (
    access,
    backups_described,
    cluster,
    door,
    fleet,
    logs,
    metrics,
    monitor,
    ownership,
    probes,
    replication,
    rollout,
    sleep,
    users,
)
from api.dashboard import resource as dashboard
from api.openapi import resource

OPERATIONS = (
    *users.OPERATIONS,
    *ownership.OPERATIONS,
    *sleep.OPERATIONS,
    *access.OPERATIONS,
    *backups_described.OPERATIONS,
    *fleet.OPERATIONS,
    *replication.OPERATIONS,
    *monitor.OPERATIONS,
    *door.OPERATIONS,
    *logs.OPERATIONS,
    *metrics.OPERATIONS,
    *probes.OPERATIONS,
    *rollout.OPERATIONS,
    *cluster.OPERATIONS,
    *dashboard.OPERATIONS,
    *resource.OPERATIONS,
)
"""In the order in which ``/docs`` shows them."""
