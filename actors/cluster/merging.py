"""Merging: the answers of all hosts as one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from bus.answers import FleetAnswer, HealthAnswer, HostFleet, HostHealth, InstancesAnswer
from bus.instance import Instance

SUMMED = (
    "wanted",
    "starts_under_way",
    "starts_waiting",
    "cpu_percent",
    "memory_bytes",
    "connections",
    "data_bytes",
)
"""What of the hosts' numbers adds up."""


def merge_instances(
    answers: Mapping[str, InstancesAnswer],
    silent: list[str],
    *,
    limit: int,
    owns: Callable[[str, str], bool],
) -> InstancesAnswer:
    """Return one page of all hosts' pages, each of which has up to ``limit``.

    ``owns`` says whether a host (second) has a user (first): a former owner may not know yet.
    """
    ends = [max(each.instances, default="") for each in answers.values() if each.next is not None]
    horizon = min(ends, default=None)  # beyond it, some host has not told everything
    found: dict[str, Instance] = {}
    for host, answer in answers.items():
        for user_id, instance in answer.instances.items():
            if owns(user_id, host) and (horizon is None or user_id <= horizon):
                found[user_id] = instance
    page = dict(sorted(found.items())[:limit])
    last = next(reversed(page)) if len(page) < len(found) else horizon
    return InstancesAnswer(
        instances=page,
        total=sum(each.total for each in answers.values()),
        next=last,
        unreachable_hosts=silent,
    )


def merge_health(here: str, answers: Mapping[str, HealthAnswer], silent: list[str]) -> HealthAnswer:
    """Return how all hosts are, and each by itself."""
    every = answers.values()
    return msgspec.structs.replace(
        answers[here],
        total_instances=sum(each.total_instances for each in every),
        running_instances=sum(each.running_instances for each in every),
        disk_free_bytes=min(each.disk_free_bytes for each in every),
        disk_low=any(each.disk_low for each in every),
        hosts={
            host: HostHealth(
                total_instances=each.total_instances,
                running_instances=each.running_instances,
                disk_free_bytes=each.disk_free_bytes,
                disk_low=each.disk_low,
                fenced=each.fenced or None,
            )
            for host, each in sorted(answers.items())
        },
        unreachable_hosts=silent,
    )


def merge_fleet(here: str, answers: Mapping[str, FleetAnswer], silent: list[str]) -> FleetAnswer:
    """Return the numbers of all hosts, and those of each."""
    every = answers.values()
    statuses: Counter[str] = Counter()
    for each in every:
        statuses.update(each.statuses)
    return msgspec.structs.replace(
        answers[here],
        statuses={status: statuses[status] for status in answers[here].statuses},
        **{name: sum(getattr(each, name) for each in every) for name in SUMMED},
        hosts={host: _one(answers[host]) for host in sorted(answers)},
        unreachable_hosts=silent,
    )


def _one(answer: FleetAnswer) -> HostFleet:
    return HostFleet(**{name: getattr(answer, name) for name in HostFleet.__struct_fields__})
