"""The rules that let nobody but the hosts reach the instances."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from api.cli.firewall import firewall
from bus.settings import Settings

HOSTS = ("10.0.0.2", "10.0.0.1", "10.0.0.1", "fd00::1", "192.0.2.7", "192.0.2.0/24")
SETTINGS = Settings(base_port=9000, port_range=100)


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


@pytest.mark.skipif(
    shutil.which("nft") is None or os.geteuid() != 0, reason="nft is not here, or not for us"
)
@pytest.mark.parametrize("hosts", [HOSTS, ("10.0.0.1",), ()])
def test_nft_takes_them(hosts: tuple[str, ...]) -> None:
    """As they are, again and again; nothing is applied."""
    command = ["nft", "--check", "--file", "-"]
    rules = firewall(SETTINGS, hosts)
    checked = subprocess.run(command, input=rules, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
