"""One instance, told to a person: how it is, why, and what can be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from api.cli.output import coloured
from api.cli.words import clock_time, duration, one_line, percent, size
from bus.advice import ADVICE
from bus.causes import REMEDY, Remedy
from bus.history import Transition
from bus.instance import Failure, Instance
from bus.usage import Usage


def portrait(instance: Instance, now: datetime, past: Sequence[Transition]) -> Iterator[str]:
    """Yield the lines; ``past`` is what it went through last."""
    wanted = "" if str(instance.desired) == instance.status else f" (desired: {instance.desired})"
    yield f"{click.style(instance.user_id, bold=True)} is {coloured(instance.status)}{wanted}"
    yield _line("why", instance.reason)
    if instance.failure is not None:
        yield from _failure(instance.failure, instance.user_id)
    if isinstance(instance.host, str):
        yield _line("host", instance.host)
    if instance.url is not None and instance.pid is not None:
        yield _line("address", f"{instance.url} (pid {instance.pid})")
    if instance.started_at is not None:
        yield _line("up for", duration(instance.started_at, now))
    if instance.last_health_check is not None:
        yield _line("healthy", f"last {duration(instance.last_health_check, now)} ago")
    if isinstance(instance.last_backup, datetime):
        yield _line("backed up", _backups(instance, now))
    if isinstance(instance.usage, Usage):
        yield _line("takes", _usage(instance.usage))
    yield _line("restarts", str(instance.restarts))
    yield _line("data", instance.db_path)
    if instance.deleted_at is not None:
        yield _line(
            "deleted",
            f"{clock_time(instance.deleted_at)}; `pblm undelete {instance.user_id}` brings it back",
        )
    if past:
        yield "lately"
        for step in past:
            yield f"  {clock_time(step.at)}  {step.status}: {one_line(step.reason)}"


def _backups(instance: Instance, now: datetime) -> str:
    assert isinstance(instance.last_backup, datetime)
    proven = instance.last_proven_backup
    told = f"{duration(proven, now)} ago" if isinstance(proven, datetime) else "none yet"
    return f"last {duration(instance.last_backup, now)} ago; one that PocketBase has run on: {told}"


def _usage(usage: Usage) -> str:
    told = (
        ("CPU", percent(usage.cpu_percent)),
        ("memory", size(usage.memory_bytes)),
        ("data", size(usage.data_bytes)),
        ("connections", str(usage.connections)),
    )
    return ", ".join(f"{name} {value}" for name, value in told if value not in ("-", "None"))


def _failure(failure: Failure, user_id: str) -> Iterator[str]:
    advice = ADVICE[failure.cause]
    yield _line("cause", f"{failure.cause}: {advice.means}")
    if failure.exit_code is not None:
        ended = "signal" if failure.exit_code < 0 else "exit status"
        yield _line("ended by", f"{ended} {abs(failure.exit_code)}")
    person = REMEDY[failure.cause] is Remedy.PERSON
    next_step = f"nothing before `pblm start {user_id}`" if person else "it is tried again"
    yield _line("next", next_step)
    for number, help_ in enumerate(advice.helps):
        yield _line("" if number else "helps", help_)
    if failure.output:
        yield "its last lines"
        yield from (f"  | {line}" for line in failure.output.splitlines())


def _line(name: str, value: str) -> str:
    return f"  {name:<9} {value}"
