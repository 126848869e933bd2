"""The rules that let nobody but the hosts reach the instances."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from api.cli.firewall import firewall
from bus.settings import Settings
from tests.house.surroundings import PATIENCE

HOSTS = ("10.0.0.2", "10.0.0.1", "10.0.0.1", "fd00::1", "192.0.2.7", "192.0.2.0/24")
SETTINGS = Settings(base_port=9000, port_range=100)
needs_nft = pytest.mark.skipif(
    not (shutil.which("nft") and shutil.which("ip")) or os.geteuid() != 0,
    reason="takes root, nftables and iproute2",
)


def test_only_who_is_named_is_let_in() -> None:
    """By address, or by network, of both kinds; everybody else is dropped at these ports only."""
    rules = [line.strip() for line in firewall(SETTINGS, HOSTS).splitlines()]
    ports = "{ 7001, 7002, 9000-9099 }"
    assert rules[-6:-2] == [
        "iif lo accept",
        f"tcp dport {ports} ip saddr {{ 10.0.0.1/32, 10.0.0.2/32, 192.0.2.0/24 }} accept",
        f"tcp dport {ports} ip6 saddr {{ fd00::1/128 }} accept",
        f"tcp dport {ports} drop",
    ]


def test_what_is_no_address_is_refused() -> None:
    """Nothing that is not understood gets into rules that root applies."""
    with pytest.raises(ValueError, match="does not appear to be"):
        firewall(SETTINGS, ["10.0.0.1", "} accept"])


@needs_nft
@pytest.mark.parametrize("hosts", [HOSTS, ("10.0.0.1",), ()])
def test_nft_takes_them(hosts: tuple[str, ...]) -> None:
    """As they are, again and again; nothing is applied."""
    command = ["nft", "--check", "--file", "-"]
    rules = firewall(SETTINGS, hosts)
    checked = subprocess.run(command, input=rules, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


PLACE, ALLOWED, STRANGER = "10.98.0.1", "10.98.0.2", "10.98.0.3"
DROPPED = 0.3
"""Seconds in which nothing at all comes back."""
LISTENER = """
import socket, sys
listeners = [socket.create_server((sys.argv[1], int(port))) for port in sys.argv[2:]]
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def apart() -> Iterator[str]:
    """Return a network namespace at :data:`PLACE`; this one has both other addresses there."""
    name = f"pblmfw{os.getpid() % 10_000}"
    cable, inside = f"{name}v", ["ip", "-n", name]
    _run("ip", "netns", "add", name)
    try:
        for command in (
            ["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name],
            ["ip", "address", "add", f"{ALLOWED}/24", "dev", cable],
            ["ip", "address", "add", f"{STRANGER}/24", "dev", cable],
            ["ip", "link", "set", cable, "up"],
            [*inside, "address", "add", f"{PLACE}/24", "dev", "eth0"],
            [*inside, "link", "set", "lo", "up"],
            [*inside, "link", "set", "eth0", "up"],
        ):
            _run(*command)
        yield name
    finally:
        _run("ip", "netns", "delete", name)  # the cable goes with it


def _run(*command: str, text: str = "") -> None:
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


def _reaches(source: str, port: int, *, within: float = PATIENCE) -> bool:
    with socket.socket() as caller:
        caller.bind((source, 0))
        caller.settimeout(within)
        try:
            caller.connect((PLACE, port))
        except TimeoutError:
            return False
        return True


@needs_nft
def test_a_stranger_reaches_no_instance(apart: str) -> None:
    """Who is named does, and what is no port of ours is not touched; applied twice, it is once."""
    enter = ("nsenter", f"--net=/run/netns/{apart}")
    rules = firewall(SETTINGS, [ALLOWED])
    for _ in range(2):
        _run(*enter, "nft", "--file", "-", text=rules)
    command = [*enter, sys.executable, "-c", LISTENER, PLACE, "9005", "9100"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        assert _reaches(ALLOWED, 9005)
        assert _reaches(ALLOWED, 9100)
        assert _reaches(STRANGER, 9100)
        assert not _reaches(STRANGER, 9005, within=DROPPED)
        listener.communicate(b"")
