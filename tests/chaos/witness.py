"""A subscriber in a process of its own, which can be killed: prints what it is told."""

from __future__ import annotations

import json
import os
import sys

from bus.events import StatusChanged
from bus.subscriber import Snapshot, Subscriber, Update

PATIENCE = 1.0
"""Seconds after which it looks whether its parent still lives."""


def told(update: Update) -> dict[str, object]:
    """What is needed of an update, as JSON has it."""
    line: dict[str, object] = {"epoch": update.epoch, "seq": update.seq}
    match update:
        case Snapshot(instances=instances):
            statuses = {user: each.status for user, each in instances.items()}
            return line | {"kind": "snapshot", "statuses": statuses}
        case StatusChanged(user_id=user, old=old, status=status):
            return line | {"kind": "status", "user": user, "old": old, "status": status}
        case _:
            return line | {"kind": "other"}


def main(event_endpoint: str, command_endpoint: str) -> None:
    """Print each update as a line, for as long as the parent lives."""
    parent = os.getppid()
    endpoints = {"event_endpoint": event_endpoint, "command_endpoint": command_endpoint}
    with Subscriber(**endpoints) as subscriber:  # type: ignore[arg-type]
        while os.getppid() == parent:
            update = subscriber.receive(PATIENCE)
            if update is not None:
                print(json.dumps(told(update)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
