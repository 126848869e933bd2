"""HAProxy's runtime socket: routes are changed and activity is read without a reload.

(https://docs.haproxy.org/2.6/management.html#9.3)
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

from actors.door.config import HOSTS, MAP, REMEMBERED, WAITED
from actors.door.routes import Counted, DoorActivity, Ports, Route

TIMEOUT = 2.0
"""Seconds for an answer; it takes 0.1 ms."""
_LARGEST_BATCH = 100
"""Changes in one command: its line has to fit into HAProxy's buffer (16 KiB)."""
_VERSION = re.compile(r"New version created: (\d+)")
_NO_KEY = re.compile(r"(Key|entry) not found\.")
_ROW = re.compile(r"key=(\S+) .*?exp=(\d+).*? (conn_cur=.*)")
_NUMBER = re.compile(r"(\w+)(?:\(\d+\))?=(\d+)")


class RuntimeSocket:
    """Speaks to a running HAProxy. Raises :class:`OSError` when it does not answer."""

    def __init__(self, path: Path, *, own: Mapping[str, Ports] | None = None) -> None:
        """``own``: where the instances of this host are, in a cluster.

        There a row of the map has the address of a host beside the port.
        """
        self._path = path
        self._clustered = own is not None
        self._own = own or {}

    def row(self, route: Route) -> str:
        """Return what the map has for a route: both at once, so that nobody finds half of it."""
        return f"{route.address}/{route.port}" if self._clustered else str(route.port)

    def rows(self, hosts: Mapping[str, Ports]) -> list[str]:
        """Return the rows of where there may be instances: on these hosts, and on this one."""
        known = {**self._own, **hosts}
        return [f"{address} {ports.first}/{ports.last}" for address, ports in known.items()]

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        """Go to no other addresses and ports than these, and those of this host."""
        if not self._clustered:
            return
        said = self._say(f"prepare map {HOSTS}")  # so that at no moment there is none
        version = _VERSION.search(said)
        if version is None:
            raise OSError(f"HAProxy has no map {HOSTS}: {said[:200]}")
        rows = [f"add map @{version[1]} {HOSTS} {row}" for row in self.rows(hosts)]
        for first in range(0, len(rows), _LARGEST_BATCH):
            self._change(";".join(rows[first : first + _LARGEST_BATCH]))
        self._change(f"commit map @{version[1]} {HOSTS}")

    def answers(self) -> bool:
        """Whether HAProxy is up."""
        try:
            return "Pid:" in self._say("show info")
        except OSError:
            return False

    def replace(self, routes: Mapping[str, Route]) -> None:
        """Have exactly these routes."""
        lines = [f"{label} {self.row(route)}" for label, route in routes.items()]
        self._change(f"clear map {MAP}")
        for first in range(0, len(lines), _LARGEST_BATCH):
            batch = lines[first : first + _LARGEST_BATCH]
            self._change(";".join(f"add map {MAP} {line}" for line in batch))

    def put(self, label: str, route: Route) -> None:
        """Have requests for the label go there."""
        row = self.row(route)
        self._change(f"del map {MAP} {label};add map {MAP} {label} {row}", absent=True)

    def remove(self, label: str) -> None:
        """Have no route for the label."""
        self._change(f"del map {MAP} {label}", absent=True)

    def activity(self, labels: Collection[str]) -> dict[str, DoorActivity]:
        """What was asked for lately, of these labels.

        Never the whole table: it has a row for each name that a stranger has tried.
        """
        commands = [f"show table activity key {label}" for label in labels]
        said = [
            self._say(";".join(commands[first : first + _LARGEST_BATCH]))
            for first in range(0, len(commands), _LARGEST_BATCH)
        ]
        return _rows("".join(said))

    def _change(self, command: str, *, absent: bool = False) -> None:
        said = self._say(command).strip()
        if said and not (absent and _NO_KEY.fullmatch(said)):
            raise OSError(f"HAProxy does not take {command[:60]!r}: {said[:200]}")

    def _say(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(self._path))
            connection.sendall(command.encode() + b"\n")
            said = bytearray()
            while more := connection.recv(65_536):
                said += more
            return said.decode()


def _rows(table: str) -> dict[str, DoorActivity]:
    return {label: _activity(int(left), row) for label, left, row in _ROW.findall(table)}


def _activity(left: int, row: str) -> DoorActivity:
    numbers = {name: int(number) for name, number in _NUMBER.findall(row)}
    return DoorActivity(
        idle=max(0.0, REMEMBERED - left / 1000),
        running=numbers["conn_cur"],
        counted=Counted(
            requests=numbers["http_req_cnt"],
            errors=numbers["http_err_cnt"],
            failures=numbers["http_fail_cnt"],
            waited=numbers[f"gpc{WAITED}"],
            answers=tuple(numbers[f"gpc{number}"] for number in range(WAITED)),
        ),
    )
