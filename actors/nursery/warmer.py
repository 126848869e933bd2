"""Warmer: starts spares, one after the other."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors import proc, recipe
from actors.clock import Timer
from actors.data.tokens import signing_key
from actors.data.userdata import TokenKey
from actors.facts import ReleasePort, ReservePort
from actors.layout import make_private_directory
from actors.lock import DirectoryLock
from actors.nursery.spares import PREFIX, Spare, end
from actors.process import ManagedProcess
from actors.services import Services

SPARES = "spares"
"""Where they are, in the nursery."""
TRIES = 3
"""So many spares in a row may fail before no more are made in this life of the manager."""
NAMELESS = "PocketBase"
"""What a spare's application is called as long as it is nobody's."""

log = logging.getLogger(__name__)


class SpareFact(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what the nursery is told about a spare on its way."""

    name: str


class SparePort(SpareFact, frozen=True, kw_only=True):
    """It has a port; None: there is none."""

    port: int | None


class SpareReady(SpareFact, frozen=True, kw_only=True):
    """It serves its directory."""

    identity: str
    key: TokenKey


class SpareEnded(SpareFact, frozen=True, kw_only=True):
    """Its process is gone, and it was nobody's."""


class Warmer:
    """Belongs to the nursery, whose actor is told what happens."""

    def __init__(self, services: Services, tell: Callable[[SpareFact], None]) -> None:
        self._services = services
        self._tell = tell
        nursery = services.layout.nursery / SPARES
        self._layout = msgspec.structs.replace(services.layout, root=nursery)
        self._next = 1
        self._name: str | None = None
        self._port = 0
        self._binary = ""
        self._process: ManagedProcess | None = None
        self._timeout: Timer | None = None
        self._failures = 0
        self._left: set[str] = set()
        """Those of a former manager that are about to be gone."""

    def begin(self) -> None:
        """End and remove what a former manager has left; a link that is in use stays."""
        root = self._layout.root
        if not root.exists() and not self._services.settings.spares:
            return
        make_private_directory(root)
        for directory, identity in proc.serving(root):
            self._end_stray(_name(Path(directory)), identity)
        used = proc.named_directories()
        for path in root.glob(f"pb_user_{PREFIX}*.db"):
            self._next = max(self._next, int(_name(path).removeprefix(PREFIX)) + 1)
            if str(path) not in used:
                self._remove(_name(path))
        for path in self._services.layout.root.iterdir():
            if path.is_symlink() and os.readlink(path) == str(path):  # a move that was cut off
                path.unlink()

    def _end_stray(self, name: str, identity: proc.ProcessIdentity) -> None:
        stray = self._services.processes.adopt(identity, self._layout.log(name))
        if stray is not None:
            log.warning("pid %d, a spare of a former manager, is ended", identity.pid)
            self._left.add(name)
            stray.watch(lambda status: self._tell(SpareEnded(name=name)))
            stray.kill()

    def warm(self) -> bool:
        """Begin with the next spare; return whether to ask again, as others start just now."""
        services = self._services
        wanted = len(services.spares) < services.settings.spares and self._failures < TRIES
        if self._name is not None or not wanted:
            return False
        if services.queue.busy or len(services.seeds) == 0:
            return True
        seed = services.seeds.take()
        if seed is not None:
            self._name = name = f"{PREFIX}{self._next}"
            self._next += 1
            seed.rename(self._layout.data(name))
            services.ports.tell(
                ReservePort(
                    user_id=name,
                    last=None,
                    avoid=frozenset(),
                    reply=lambda port: self._tell(SparePort(name=name, port=port)),
                )
            )
        return False

    def learn(self, fact: SpareFact) -> None:
        """Take the step that ``fact`` allows."""
        match fact:
            case SparePort(name=name, port=port) if name == self._name and port is not None:
                self._start(name, port)
            case SparePort():
                self._name = None
                self._remove(fact.name)
            case SpareReady(name=name) if name == self._name:
                self._ready(fact)
            case SpareEnded(name=name):
                self._ended(name)

    def close(self) -> None:
        """End the one that is on its way."""
        if self._process is not None:
            end(self._process)

    def _start(self, name: str, port: int) -> None:
        services, layout, data = self._services, self._layout, self._layout.data(name)
        lock = DirectoryLock.take(layout.lock(name))
        assert lock is not None, f"{name} is not new"
        binary = services.versions.current
        spec = recipe.serve(binary.path, layout, services.template, name, port, lock=lock.fd)
        try:
            process = services.processes.spawn(spec)
        finally:
            lock.close()
        self._process, self._port, self._binary = process, port, binary.digest
        self._timeout = services.clock.call_later(services.settings.start_timeout, process.kill)
        process.watch(lambda status: self._tell(SpareEnded(name=name)))

        def serves(identity: str | None) -> None:
            """Have it named for the first time, which takes it far longer than the next one."""

            def ready(key: TokenKey) -> None:
                self._tell(SpareReady(name=name, identity=identity or "", key=key))

            nameless = services.template.app_name(NAMELESS)
            patience = services.settings.start_timeout
            services.health.introduce(
                process, port, lambda: signing_key(data), nameless, ready, timeout=patience
            )

        services.health.await_ready(process, port, data, new=True, ready=serves)

    def _ready(self, told: SpareReady) -> None:
        assert self._process is not None
        self._stop_timeout()
        spare = Spare(
            name=told.name,
            layout=self._layout,
            process=self._process,
            port=self._port,
            identity=told.identity,
            key=told.key,
            binary=self._binary,
        )
        self._name = self._process = None
        self._failures = 0
        self._services.spares.add(spare)
        log.info("pid %d is a spare: it serves on port %d", spare.process.pid, spare.port)

    def _ended(self, name: str) -> None:
        if name == self._name:
            self._stop_timeout()
            self._name = self._process = None
            self._failures += 1
            log.warning("%s ended before it was ready, %d in a row", name, self._failures)
        elif name in self._left:
            self._left.remove(name)
        elif not self._services.spares.forget(name):
            return  # it is somebody's
        self._services.ports.tell(ReleasePort(user_id=name))
        self._remove(name)

    def _remove(self, name: str) -> None:
        data = self._layout.data(name)
        if data.is_symlink():
            data.unlink()
        else:
            shutil.rmtree(data, ignore_errors=True)
        for path in (self._layout.log(name), self._layout.lock(name)):
            path.unlink(missing_ok=True)

    def _stop_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()


def _name(data: Path) -> str:
    return data.name.removeprefix("pb_user_").removesuffix(".db")
