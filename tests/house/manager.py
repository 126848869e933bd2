"""A manager of our own: ``run_all.py`` as a process, with everything real behind it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from actors.layout import Layout
from actors.ports import is_free, preferred_offset
from bus.settings import Settings
from bus.subscriber import Subscriber
from tests.house import misbehaving
from tests.house.caller import Caller
from tests.house.fork import Fork
from tests.house.listener import Listener
from tests.house.surroundings import PATIENCE, kill, processes_under, sockets_under
from tests.ports import free_ports

RUN_ALL = Path(__file__).resolve().parents[2] / "run_all.py"
PROGRAM = ("/usr/bin/env",)
"""The launcher of a manager that is launched as anybody would."""
LAST_ANNOUNCED = b"databases"
"""The first word of the last line that the manager prints once it serves."""


class Manager:
    """A manager with a directory and ports of its own; can be started again and again."""

    def __init__(
        self,
        root: Path,
        *,
        misbehaving_children: bool = False,
        launcher: Sequence[str] = (),
        **settings: object,
    ):
        """``settings`` are those of the environment, without ``PB_`` and in small letters.

        ``launcher`` is a command that becomes the one that follows it. Without one the manager is
        a fork of a process that has imported what it needs, which saves a second of each launch.

        With ``misbehaving_children`` the users named in :mod:`tests.house.misbehaving` get such a
        child instead of PocketBase; the others get PocketBase.
        """
        self.root = root
        self.log = root / "manager.log"
        self._launcher = launcher
        self.children = misbehaving.Children(root / "child")
        settings.setdefault("port_range", 40)
        settings.setdefault("base_port", free_ports(int(str(settings["port_range"]))))
        settings.setdefault("api_port", free_ports(1))
        settings.setdefault("live_port", free_ports(1))
        settings.setdefault("user_dbs_path", root / "dbs")
        if misbehaving_children:
            settings["binary_path"] = self.children.install()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PB_")}
        self.environ = inherited | {f"PB_{k.upper()}": str(v) for k, v in settings.items()}
        self.settings = Settings.from_environ(self.environ)
        self.layout = Layout(root=self.settings.user_dbs_path, control=self.settings.control_path)
        self.api = Caller(self.settings.api_port, self.settings.api_token)
        self._process: subprocess.Popen[bytes] | Fork | None = None

    @property
    def pid(self) -> int:
        """The manager's own process."""
        assert self._process is not None
        return self._process.pid

    def relaunch(self, binary: Path, *, kill: bool = False) -> None:
        """Start it with another PocketBase, after the end of the one that runs, if any."""
        if self._process is not None:
            (self.kill if kill else self.stop)()
        self.environ["PB_BINARY_PATH"] = str(binary)
        self.start()

    def without_launcher(self) -> None:
        """Have it be started as anybody would from now on."""
        self._launcher = ()

    def start(self) -> None:
        """Start it, and return once it serves."""
        self._process = self._launch()
        self._await_announcement(self._process)
        answer = self.api.call("GET", "/health/pb")
        assert answer.json()["status"] == "ok", answer.text

    def launch_refused(self) -> str:
        """Start it where it must refuse, and return the one line that it says."""
        log = self.log.stat().st_size if self.log.exists() else 0
        refused = self._launch()
        assert refused.stdout is not None
        with refused.stdout as stdout:
            assert refused.wait(PATIENCE) == 1, self.last_log()
            assert stdout.read() == b""
        said = self.log.read_bytes()[log:].decode()
        assert said.count("\n") == 1, said
        return said.rstrip("\n")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end, and see that it ends well and leaves nothing behind."""
        self.send(number)
        self.await_end()

    def await_end(self, kept: Sequence[int] = ()) -> None:
        """Wait until it has ended well and see that it leaves nothing but ``kept`` processes."""
        process, self._process = self._process, None
        assert process is not None
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process = process
            raise
        assert process.stdout is not None
        process.stdout.close()
        assert status == 0, f"exit status {status}: {self.last_log()}"
        self.check_nothing_left(kept)

    def kill(self) -> None:
        """Have it die without a chance to clean up."""
        process, self._process = self._process, None
        assert process is not None
        assert process.stdout is not None
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()

    def check_nothing_left(self, kept: Sequence[int] = ()) -> None:
        """See that there is no other process, no socket file and no port left behind."""
        assert processes_under(self.root) == list(kept)
        assert sockets_under(self.root) == []
        assert is_free(self.settings.api_port)

    def clean_up(self) -> None:
        """End what a failed test has left."""
        if self._process is not None:
            self.kill()
        kill(processes_under(self.root))

    def listen(self, user_id: str | None = None) -> Listener:
        """Return who hears every status event from now on."""
        return Listener(
            Subscriber(
                event_endpoint=self.settings.event_endpoint,
                command_endpoint=self.settings.command_endpoint,
                user_id=user_id,
            )
        )

    def preferred_port(self, user_id: str) -> int:
        """Return the port that the user gets when nobody else has it."""
        return self.settings.base_port + preferred_offset(user_id, self.settings.port_range)

    def last_log(self) -> str:
        """Return the last that it wrote."""
        return self.log.read_text()[-4000:]

    def _launch(self) -> subprocess.Popen[bytes] | Fork:
        if not self._launcher:
            return Fork(self.environ, self.root, self.log)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self._launcher, sys.executable, str(RUN_ALL)],
                env=self.environ,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def _await_announcement(self, process: subprocess.Popen[bytes] | Fork) -> None:
        assert process.stdout is not None
        said, deadline = b"", time.monotonic() + PATIENCE
        while LAST_ANNOUNCED not in said:
            left = max(0.0, deadline - time.monotonic())
            readable, _, _ = select.select([process.stdout], [], [], left)
            more = os.read(process.stdout.fileno(), 4096) if readable else b""
            assert more, f"the manager does not come up: {self.last_log()}"
            said += more


@contextmanager
def manager_of(**settings: object) -> Iterator[Manager]:
    """Make a manager that is not started yet; nothing of it is left afterwards."""
    # Not pytest's own directory: the path of a Unix socket ends at 107 bytes.
    root = Path(tempfile.mkdtemp(prefix="pblm", dir="/tmp"))
    misbehaves = bool(settings.pop("misbehaving_children", False))
    launcher = cast("Sequence[str]", settings.pop("launcher", ()))
    manager = Manager(root, misbehaving_children=misbehaves, launcher=launcher, **settings)
    try:
        yield manager
    finally:
        manager.clean_up()
        shutil.rmtree(root)


@contextmanager
def running_manager(**settings: object) -> Iterator[Manager]:
    """Start a manager, and stop it at the end; what it leaves behind fails the test."""
    with manager_of(**settings) as manager:
        manager.start()
        yield manager
        manager.stop()
