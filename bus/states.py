"""The statuses of an instance and the ways between them.

::

                    init_pb
        Stopped  ------------------------>  Starting  ------->  Running
         ^ ^ ^                              ^ |  |  ^             |  |
         | | |      stopped while queued    | |  |  |             |  |
         | | +------------------------------|-+  |  | retry due   |  |
         | |                                |    v  |    crash,   |  |
         | +--------------------------------|-- Failed <----------+  |
         |            stop_pb               |      health checks     |
         |                             wake |                        |
         |            stop_pb               |                        |
         +------------------------------ Hibernated                  |
         |                                  ^                        |
         |                exited, as it was | idle                   |
         +----------------  Stopping  ------+                        |
              exited            ^                                    |
                                +------------------------------------+
                                 (also from Starting)  stop_pb, idle

A user begins with Starting, or as a clone of another one with Stopped; on a host that it comes to
as it was on the one before, with Stopped or Hibernated.

``status`` is what is; ``desired`` is what the user last asked for. Recovery makes the first
become the second. An instance that is Hibernated is still desired to run: it is there for whoever
calls, so recovery lets it sleep.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """What an instance is doing, as users see it."""

    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    HIBERNATED = "Hibernated"


class Desired(StrEnum):
    """What the user asked for: it outlives the process, the manager and the machine."""

    RUNNING = "Running"
    STOPPED = "Stopped"


TRANSITIONS: Mapping[Status | None, frozenset[Status]] = {
    None: frozenset({Status.STARTING, Status.STOPPED, Status.HIBERNATED}),
    Status.STARTING: frozenset({Status.RUNNING, Status.STOPPING, Status.STOPPED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.STOPPING, Status.FAILED}),
    Status.STOPPING: frozenset({Status.STOPPED, Status.HIBERNATED, Status.FAILED}),
    Status.STOPPED: frozenset({Status.STARTING}),
    Status.FAILED: frozenset({Status.STARTING, Status.STOPPING, Status.STOPPED}),
    Status.HIBERNATED: frozenset({Status.STARTING, Status.STOPPED}),
}
"""From each status (``None``: not known yet) to those that may follow it."""

SETTLED = frozenset({Status.RUNNING, Status.STOPPED, Status.FAILED, Status.HIBERNATED})
"""Statuses that may last; the others end by a deadline."""

RESTING = frozenset({Status.STOPPED, Status.HIBERNATED})
"""Statuses in which there is no process, and that is as it should be."""


def may_follow(old: Status | None, new: Status) -> bool:
    """Whether an instance may go from ``old`` to ``new``."""
    return new in TRANSITIONS[old]
