"""Proof: PocketBase itself runs on a copy and answers from its database, and is thrown away."""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from actors import proc, recipe
from actors.data import tokens
from actors.facts import ReleasePort, ReservePort
from actors.isolation.isolation import give
from actors.layout import LOOPBACK, Layout
from actors.proc import ExitStatus
from actors.process import ManagedProcess, Processes
from actors.services import Services
from bus.errors import BackupError, NoPorts, PblmError

TOKEN_SECONDS = 60
"""How long the token is good that the database is asked with."""

log = logging.getLogger(__name__)


class Prover:
    """Runs the trials. Each takes the thread that asks for it, for as long as a start may take."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._running: set[ManagedProcess] = set()
        self._closed = False

    def prove(self, data: Path, user_id: str, uid: int | None, *, migrate: bool) -> None:
        """Raise :class:`BackupError` unless PocketBase runs on ``data``, a copy that is ours.

        It runs under ``uid`` if there is one, within the limits of every instance, and only as
        long as it takes to ask its database. With ``migrate`` the template's migrations are
        applied before that, so that it is ready to be an instance.
        """
        outcome: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with self._port(data.name) as port, self._process(data, user_id, uid, port, migrate) as run:
            run.watch(lambda status: outcome.put(_ended(run, status)))
            self._services.health.await_ready(
                run,
                port,
                data,
                new=False,
                address=LOOPBACK,
                ready=lambda identity: outcome.put(None),
            )
            timeout = self._services.settings.start_timeout
            try:
                problem = outcome.get(timeout=timeout)
            except queue.Empty:
                problem = f"it did not answer within {timeout:g} s: {run.last_output()}"
            if problem is None:
                problem = self._ask(data, port)
        if problem is not None:
            raise BackupError(f"PocketBase does not run on it: {problem}")

    def close(self) -> None:
        """End the trials under way; they fail."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def _ask(self, data: Path, port: int) -> str | None:
        now = self._services.clock.now()
        try:
            token = tokens.mint(
                data,
                collection=tokens.SUPERUSERS,
                record_id=None,
                now=now,
                seconds=TOKEN_SECONDS,
            )
            self._services.health.check_deeply(port, token.token, address=LOOPBACK)
        except PblmError as error:
            return error.message
        return None

    @contextlib.contextmanager
    def _port(self, name: str) -> Iterator[int]:
        holder = f"~{name}"  # no user's id begins like that
        answer: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        ports = self._services.ports
        ports.tell(ReservePort(user_id=holder, last=None, avoid=frozenset(), reply=answer.put))
        try:
            port = answer.get(timeout=self._services.settings.start_timeout)
            if port is None:
                raise NoPorts("No available ports to try the backup on")
            yield port
        except queue.Empty:
            raise BackupError("No port was given to try the backup on") from None
        finally:
            ports.tell(ReleasePort(user_id=holder))

    @contextlib.contextmanager
    def _process(
        self, data: Path, user_id: str, uid: int | None, port: int, migrate: bool
    ) -> Iterator[ManagedProcess]:
        services = self._services
        binary = services.versions.current
        services.template.seed(data, binary.version)
        if uid is not None:
            give(data, uid)
        spec = recipe.trial(binary.path, data, services.template, user_id, port, migrate=migrate)
        ended = threading.Event()
        with self._lock:
            if self._closed:
                raise BackupError("The manager is stopping")
            process = services.processes.spawn(services.isolation.wrap(spec, uid))
            self._running.add(process)
        try:
            yield process
        finally:
            process.watch(lambda status: ended.set())
            process.terminate()
            if not ended.wait(services.settings.stop_timeout):
                process.kill()
                ended.wait(services.settings.stop_timeout)
            with self._lock:
                self._running.discard(process)
            spec.log.unlink(missing_ok=True)


def clear_trials(layout: Layout, processes: Processes) -> None:
    """End and remove the trials that a former manager has left. Nobody else may try anything."""
    for directory, identity in proc.serving(layout.proofs):
        process = processes.adopt(identity, Path(directory).with_suffix(".log"))
        if process is not None:
            log.warning("ending pid %d: it tries a backup for a manager that is gone", process.pid)
            process.kill()
    for path in layout.proofs.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _ended(process: ManagedProcess, status: ExitStatus) -> str:
    return f"it {status}: {process.last_output()}"
