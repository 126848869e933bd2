"""What ``pblm cluster firewall`` writes: rules that let nobody but the hosts in. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from bus.settings import Settings

_RULES = """\
table inet pblm
delete table inet pblm
table inet pblm {{
    chain input {{
        type filter hook input priority 0; policy accept;
        iif lo accept
{accepted}        tcp dport {{ {ports} }} drop
    }}
}}
"""
"""The first two lines remove the rules of before, whether there are any or not; nft applies all
of it at once or nothing. What is not about these ports is not touched."""


def firewall(settings: Settings, addresses: Iterable[str]) -> str:
    """Return the rules, for ``nft -f -``, that let in who is at the ``addresses`` alone.

    To the instances of this host, and to what the hosts speak over. Raises :class:`ValueError`.
    """
    known = [ipaddress.ip_network(each) for each in addresses]
    last = settings.base_port + settings.port_range - 1
    bus, events = settings.cluster_bus_port, settings.cluster_events_port
    ports = f"{bus}, {events}, {settings.base_port}-{last}"
    accepted = ""
    v4 = [each for each in known if isinstance(each, ipaddress.IPv4Network)]
    v6 = [each for each in known if isinstance(each, ipaddress.IPv6Network)]
    # nft refuses a set in which one network holds another
    in4 = [str(each) for each in ipaddress.collapse_addresses(v4)]
    in6 = [str(each) for each in ipaddress.collapse_addresses(v6)]
    for family, found in (("ip", in4), ("ip6", in6)):
        if found:
            where = f"{family} saddr {{ {', '.join(found)} }}"
            accepted += f"        tcp dport {{ {ports} }} {where} accept\n"
    return _RULES.format(accepted=accepted, ports=ports)
