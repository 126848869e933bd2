"""Metrics: what is counted and timed, for Prometheus. The only use of prometheus_client.

Each room counts its own part in the one :class:`Metrics` of its house, so the doors tell what the
mind has counted, and the two never meet. Two houses in one process have a registry each.
"""

from __future__ import annotations

from bus.metrics.metrics import Metrics
from bus.metrics.readings import DoorReading, FleetReading, InstanceReading

__all__ = ["DoorReading", "FleetReading", "InstanceReading", "Metrics"]
