"""Station: one host with all that runs on it: a member of etcd, a manager, and its instances."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from actors.cluster.guard import MARK
from tests.etcd import binary
from tests.house.manager import RUN_ALL
from tests.nemesis.network import Host

API, BUS, EVENTS, ETCD, PEER = 3000, 7001, 7002, 2379, 2380
DISK = "192M"
"""Of each member of etcd: two of its logs take 128 MiB."""
TOKEN = "the-token-of-the-nemesis"


def members(hosts: list[Host]) -> list[str]:
    """Where etcd is."""
    return [f"http://{host.etcd}:{ETCD}" for host in hosts]


class Station:
    """See the module."""

    def __init__(self, host: Host, hosts: list[Host], folder: Path, settings: dict[str, Any]):
        self.host = host
        self.name = f"h{host.number}"
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self.dbs = self.folder / "dbs"
        self.disk = self.folder / "disk"
        self._hosts = hosts
        self._environ = _environ(host, hosts, self.name, self.dbs, settings)
        self.etcd: subprocess.Popen[bytes] | None = None
        self.manager: subprocess.Popen[bytes] | None = None

    def make_disk(self) -> None:
        """Have a file system of its own for etcd, which can be frozen."""
        image = self.folder / "etcd.img"
        self.disk.mkdir()
        for command in (
            ("truncate", "-s", DISK, str(image)),
            ("mkfs.ext4", "-q", str(image)),
            ("mount", "-o", "loop", str(image), str(self.disk)),
        ):
            subprocess.run(command, check=True, timeout=60)

    def freeze_disk(self) -> None:
        """Have nothing that is written to it arrive, nor return."""
        subprocess.run(["fsfreeze", "--freeze", str(self.disk)], check=True, timeout=60)

    def thaw_disk(self) -> None:
        """Undo it, if it is so."""
        unfreeze = ["fsfreeze", "--unfreeze", str(self.disk)]
        subprocess.run(unfreeze, check=False, timeout=60, capture_output=True)

    def remove_disk(self) -> None:
        """Have it no more; nothing runs on it."""
        subprocess.run(["umount", str(self.disk)], check=False, timeout=60, capture_output=True)

    def leads(self) -> bool:
        """Whether its member leads etcd."""
        try:
            status = self._status()
        except requests.RequestException:
            return False
        return bool(status.get("leader") == status["header"]["member_id"])

    def lead(self, stations: list[Station]) -> None:
        """Have its member lead etcd."""
        leader = next(each for each in stations if each.leads())
        if leader is not self:
            body = {"targetID": self._status()["header"]["member_id"]}
            leader._maintain("transfer-leadership", body)

    def _status(self) -> dict[str, Any]:
        return self._maintain("status", {})

    def _maintain(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        url = f"{members(self._hosts)[self.host.number - 1]}/v3/maintenance/{what}"
        answer = requests.post(url, json=body, timeout=5)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def start_etcd(self) -> None:
        """Start its member."""
        urls = [f"http://{each.etcd}:{PEER}" for each in self._hosts]
        everybody = ",".join(f"h{n}={url}" for n, url in enumerate(urls, 1))
        here, client = urls[self.host.number - 1], members(self._hosts)[self.host.number - 1]
        options = [
            f"--name={self.name}",
            f"--data-dir={self.disk / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={here}",
            f"--initial-advertise-peer-urls={here}",
            f"--initial-cluster={everybody}",
            "--log-level=error",
            "--pre-vote",  # which is as it comes from 3.5 on
        ]
        self.etcd = self._run([binary(), *options], "etcd.log")

    def start_manager(self) -> None:
        """Start its manager; it may not serve yet."""
        self.manager = self._run([sys.executable, str(RUN_ALL)], "manager.log")

    def init(self, user_id: str) -> dict[str, Any]:
        """Have a user's instance running somewhere; return it."""
        answer = self.call("POST", f"/api/users/{user_id}/init_pb", timeout=60)
        answer.raise_for_status()
        instance: dict[str, Any] = answer.json()["instance"]
        return instance

    def call(self, method: str, path: str, *, timeout: float = 5.0) -> requests.Response:
        """Call its API."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://{self.host.address}:{API}{path}"
        return requests.request(method, url, headers=headers, timeout=timeout)

    def metric(self, name: str) -> float:
        """Return what its manager tells by that name, which has no labels."""
        lines = self.call("GET", "/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    def serves(self) -> bool:
        """Whether its manager knows whose its users are."""
        try:
            return self.call("GET", "/api/pb_instances").status_code == 200
        except requests.RequestException:
            return False

    def signal_manager(self, number: signal.Signals) -> None:
        """Send its manager a signal."""
        assert self.manager is not None
        self.manager.send_signal(number)

    def kill_manager(self) -> None:
        """End the manager without a word; the guard does the rest."""
        _end(self.manager)
        self.manager = None

    def kill_etcd(self) -> None:
        """End its member without a word."""
        _end(self.etcd)
        self.etcd = None

    def kill_all(self) -> None:
        """As when the power fails: nothing is left that could do anything."""
        tenants = self.tenants()
        for process in (self.manager, self.etcd):
            if process is not None:
                process.kill()
        for pid in [*self._guards(), *tenants, *self.tenants()]:
            _kill(pid)
        self.kill_manager()
        self.kill_etcd()

    def tenants(self) -> list[int]:
        """The processes that its manager has started for users."""
        return [
            pid
            for pid in _pids()
            if str(self.dbs) in _read(pid, "cmdline") and MARK in _read(pid, "environ")
        ]

    def _guards(self) -> list[int]:
        parent = self.manager.pid if self.manager is not None else 0
        return [
            pid
            for pid in _pids()
            if "cluster/guard.py" in _read(pid, "cmdline")
            and f"\nPPid:\t{parent}\n" in _read(pid, "status")
        ]

    def _run(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [*self.host.enter, *command],
                env=self._environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def _environ(
    host: Host, hosts: list[Host], name: str, dbs: Path, settings: dict[str, Any]
) -> dict[str, str]:
    own = {
        "user_dbs_path": dbs,
        "base_port": 9000,
        "port_range": 100,
        "seeds": 1,
        "api_host": host.address,
        "api_port": API,
        "api_token": TOKEN,
        "live_port": "off",
        "cluster_etcd": ",".join(members(hosts)),
        "cluster_name": "nemesis",
        "cluster_host": name,
        "cluster_address": host.address,
        "cluster_bus_port": BUS,
        "cluster_events_port": EVENTS,
    } | settings
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PB_")}
    inherited.pop("AWS_CA_BUNDLE", None)
    return inherited | {f"PB_{key.upper()}": str(value) for key, value in own.items()}


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(30)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
