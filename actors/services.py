"""What every instance's actor is given: the parts of the house that it uses but does not own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pykka

from actors.clock import Clock
from actors.layout import Layout
from actors.ports import PortRegistry
from actors.process import LaunchSpec, ProcessIdentity
from actors.restart import RestartPolicy
from actors.start_queue import StartQueue
from actors.store import Store
from bus.events import Event
from bus.settings import Settings


class Process(Protocol):
    """A process that belongs to an instance."""

    exited: bool

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def identity(self) -> ProcessIdentity:
        """What tells it from every other process."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""

    def last_output(self) -> str:
        """The last lines it wrote."""


class Health(Protocol):
    """Runs the probes."""

    def check(self, port: int, report: Callable[[str | None], None]) -> None:
        """Call ``report`` with what is wrong on ``port``, or None."""

    def await_ready(self, process: Process, port: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` once the process owns ``port`` and answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """See the module."""

    settings: Settings
    layout: Layout
    store: Store
    clock: Clock
    ports: pykka.ActorRef[PortRegistry]
    queue: StartQueue
    health: Health
    spawn: Callable[[LaunchSpec, Callable[[str], None]], Process]
    publish: Callable[[Event], None]
    policy: RestartPolicy
