"""World: one manager, its users with their writers, and those who look on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from bus.settings import Settings, find_pocketbase
from tests.chaos import procfs
from tests.chaos.errors import Violation
from tests.chaos.hanging import HangingBinary
from tests.chaos.machine import FakeClock, SmallDisk
from tests.chaos.manager import Manager
from tests.chaos.patience import wait_until
from tests.chaos.rest import answers
from tests.chaos.sampler import Sampler
from tests.chaos.view import Watcher
from tests.chaos.writer import Writer, provide

USERS = ("bob", "Bob", "ann", "cyd", "dan", "eve", "fay", "gil")
PORTS = range(12_000, 19_000)
START_TIMEOUT, STOP_TIMEOUT = 5, 4
SETUP_PATIENCE = 60.0

Instance = dict[str, Any]


class World:
    """Exists while the ``with`` block does; nothing of it is left afterwards."""

    def __init__(self, folder: Path, *, users: int) -> None:
        """One port more than users: a port that leaks is missed soon."""
        self._closing = ExitStack()
        self.binary = find_pocketbase()
        self.disk = SmallDisk(folder / "dbs")
        self._closing.callback(self.disk.close)
        self.root = self.disk.path
        self.clock = FakeClock(folder / "clock")
        self.hanging = HangingBinary(folder / "bin", self.binary)
        self.ports = range(first := procfs.free_block(users + 1, PORTS), first + users + 1)
        environ = self._environ()
        self.settings = Settings.from_environ(environ)
        self.manager = Manager(environ, folder / "manager.log")
        self.watcher = Watcher(self.settings.event_endpoint, self.settings.command_endpoint)
        self.sampler = Sampler(self.root)
        self.users = USERS[:users]
        self.wanted = dict.fromkeys(self.users, "Running")
        self.writers: dict[str, Writer] = {}
        self.story: list[str] = []
        """What the fault under way has done."""
        self.troubled = 0.0
        """Since when the world is to recover, on the monotonic clock."""

    def __enter__(self) -> World:
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def tell(self, text: str) -> None:
        """Note what was done."""
        self.story.append(text)

    def blow(self) -> None:
        """The trouble is at its height, or over: recovery is measured from here."""
        self.troubled = time.monotonic()

    def instance(self, user: str) -> Instance:
        """What ``pb_status`` says."""
        status, body = self.manager.call("GET", f"/api/users/{user}/pb_status")
        if status != 200 or body["instance"] is None:
            raise Violation(f"pb_status of {user}: {status} {body}")
        found: Instance = body["instance"]
        return found

    def pids(self) -> dict[str, int]:
        """The process of each user who has one."""
        return {user: each["pid"] for user, each in self.instances().items() if each["pid"]}

    def instances(self) -> dict[str, Instance]:
        """What ``pb_instances`` says."""
        return self.manager.instances()

    def init(self, user: str) -> Instance:
        """Have it running; anything but a success is a violation."""
        self.wanted[user] = "Running"
        status, body = self.manager.call("POST", f"/api/users/{user}/init_pb")
        if status not in (200, 202):
            raise Violation(f"init_pb of {user}: {status} {body}")
        found: Instance = body["instance"]
        return found

    def stop(self, user: str) -> None:
        """Have it stopped."""
        self.wanted[user] = "Stopped"
        status, body = self.manager.call("POST", f"/api/users/{user}/stop_pb")
        if status != 200 or body["instance"]["status"] != "Stopped":
            raise Violation(f"stop_pb of {user}: {status} {body}")

    def directory(self, user: str) -> Path:
        """The user's data directory."""
        return Path(self.instance(user)["db_path"])

    def settled(self) -> bool:
        """Whether every instance is as it was asked to be, and does what it is to do."""
        try:
            instances = self.instances()
        except ConnectionError:
            return False
        return set(instances) == set(self.users) and all(
            self._is_as_wanted(user, each) for user, each in instances.items()
        )

    def settle(self, seconds: float) -> float:
        """Wait until all is as wanted; return the seconds since the trouble."""
        try:
            wait_until("every instance is back to its desired state", self.settled, seconds)
        except Violation as error:
            raise Violation(f"{error}: {self._state()}") from error
        return time.monotonic() - self.troubled

    def _is_as_wanted(self, user: str, instance: Instance) -> bool:
        if not instance["status"] == instance["desired"] == self.wanted[user]:
            return False
        if self.wanted[user] == "Stopped":
            return True
        server = procfs.look(instance["pid"])
        serves = server is not None and server.alive and server.directory == instance["db_path"]
        return serves and answers(instance["port"])

    def _state(self) -> str:
        try:
            return "; ".join(
                f"{user} wanted {self.wanted[user]}, is {each['status']}, pid {each['pid']}: "
                f"{each['reason'][:300]}"
                for user, each in self.instances().items()
            )
        except ConnectionError as error:
            return str(error)

    def _environ(self) -> dict[str, str]:
        return {
            "PB_BINARY_PATH": str(self.hanging.path),
            "PB_BASE_PORT": str(self.ports.start),
            "PB_PORT_RANGE": str(len(self.ports)),
            "PB_USER_DBS_PATH": str(self.root),
            "PB_API_PORT": str(procfs.free_port()),
            "PB_LIVE_PORT": "off",
            "PB_HEALTH_INTERVAL": "1",
            "PB_START_TIMEOUT": str(START_TIMEOUT),
            "PB_STOP_TIMEOUT": str(STOP_TIMEOUT),
            "PB_DISK_LOW_MIB": "16",
            "PB_ON_EXIT": "keep",
        }

    def _open(self) -> None:
        self._closing.callback(procfs.kill_servers, self.root)
        self._closing.callback(self.manager.kill)
        self.manager.start()
        self._closing.callback(self.watcher.kill)
        self.watcher.start()
        self.sampler.start()
        self._closing.callback(self.sampler.close)
        self._move_in()
        self.stop(self.users[-1])
        self.blow()
        self.settle(SETUP_PATIENCE)

    def _move_in(self) -> None:
        """Give every user an instance, a collection and a writer."""
        instances = [self.init(user) for user in self.users]
        with ThreadPoolExecutor(len(instances)) as pool:
            tokens = list(pool.map(lambda each: provide(self.binary, each), instances))
        for user, token in zip(self.users, tokens, strict=True):
            self.writers[user] = Writer(user, token, self.settings.api_port)
            self.writers[user].start()
            self._closing.callback(self.writers[user].close)

    def _close(self) -> None:
        self.hanging.release_all()
        self._closing.close()
