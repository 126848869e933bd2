"""Network: a namespace for each host, on a bridge that stands outside of all of them.

Every host has one address for what clients and other hosts ask, and one for its member of etcd, so
that the one can be cut off without the other::

    bridge  10.77.0.254, 10.77.2.254 (the bucket)
      |-- pblmn1  10.77.0.1, 10.77.1.1 (etcd)
      |-- pblmn2  10.77.0.2, 10.77.1.2
      '-- pblmn3  10.77.0.3, 10.77.1.3

Takes root. ``nsenter --net`` and not ``ip netns exec``: that mounts /sys anew, without the control
groups.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator

BRIDGE = "pblmbr"
CLIENTS, BUCKET = "10.77.0.254", "10.77.2.254"


def ip(*words: str, check: bool = True) -> None:
    """Run ``ip``."""
    subprocess.run(["ip", *words], check=check, capture_output=True)


class Host:
    """One namespace, and its cable."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"pblmn{number}"
        self.address, self.etcd = f"10.77.0.{number}", f"10.77.1.{number}"
        self._cable = f"pblmv{number}"

    @property
    def enter(self) -> tuple[str, ...]:
        """What comes before a command that is run in it."""
        return ("nsenter", f"--net=/run/netns/{self.name}")

    def make(self) -> None:
        """Have it, connected."""
        ip("netns", "add", self.name)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self._cable, "master", BRIDGE, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("address", "add", f"{self.etcd}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "10.77.2.0/24", "via", CLIENTS),
        ):
            ip("-n", self.name, *words)

    def remove(self) -> None:
        """Have nothing of it."""
        ip("netns", "delete", self.name, check=False)
        ip("link", "delete", self._cable, check=False)

    def unplug(self) -> None:
        """Cut it off from everybody."""
        ip("link", "set", self._cable, "down")

    def plug(self) -> None:
        """Undo it."""
        ip("link", "set", self._cable, "up")

    def lose(self, *addresses: str) -> None:
        """Have nothing it sends to those addresses arrive, and so no answer."""
        for address in addresses:
            ip("-n", self.name, "route", "add", "blackhole", f"{address}/32")

    def block(self, *ports: int) -> None:
        """Have nothing arrive from or at those TCP ports, of whomever; takes nftables."""
        these = ", ".join(map(str, ports))
        rules = ["add table inet cut"]
        for way in ("input", "output"):
            rules.append(f"add chain inet cut {way} {{ type filter hook {way} priority 0; }}")
            for which in ("sport", "dport"):
                rules.append(f"add rule inet cut {way} tcp {which} {{ {these} }} drop")
        self._nft("\n".join(rules))

    def unblock(self) -> None:
        """Undo it."""
        self._nft("delete table inet cut")

    def _nft(self, rules: str) -> None:
        subprocess.run([*self.enter, "nft", rules], check=True, capture_output=True)

    def find(self, *addresses: str) -> None:
        """Undo it."""
        for address in addresses:
            ip("-n", self.name, "route", "delete", "blackhole", f"{address}/32", check=False)


@contextlib.contextmanager
def network(count: int) -> Iterator[list[Host]]:
    """Make the bridge and so many hosts; nothing is left of them."""
    hosts = [Host(number) for number in range(1, count + 1)]
    alone = socket.socket(socket.AF_UNIX)
    alone.bind(f"\0{BRIDGE}")  # the names are those of the machine: there is one nemesis at a time

    def remove() -> None:
        for host in hosts:
            host.remove()
        ip("link", "delete", BRIDGE, check=False)

    remove()
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        for address in (CLIENTS, BUCKET, "10.77.1.254"):
            ip("address", "add", f"{address}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host in hosts:
            host.make()
        yield hosts
    finally:
        remove()
        alone.close()
