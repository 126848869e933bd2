"""Faults: what is done to a station, and how it is undone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.nemesis.network import BUCKET
from tests.nemesis.station import BUS, EVENTS, Station

Hurt = Callable[[Station, list[Station]], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind. Times are in seconds."""

    name: str
    begin: Hurt
    end: Hurt
    lasts: float
    cut: bool = False
    """The old owner may acknowledge what can be copied nowhere, until it is fenced."""
    uncopied: bool = False
    """The owner goes on and copies nothing, and then only after a while what it has not copied."""


def _nothing(station: Station, stations: list[Station]) -> None:
    """There is nothing to undo."""


def _others(station: Station, stations: list[Station]) -> list[str]:
    return [each.host.etcd for each in stations if each is not station]


def _kill_tenants(station: Station, stations: list[Station]) -> None:
    for pid in station.tenants()[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _start_all(station: Station, stations: list[Station]) -> None:
    station.start_etcd()
    station.start_manager()


def _most(station: Station, stations: list[Station]) -> list[Station]:
    return [each for each in stations if each is not station][:2]


def _stop_most(station: Station, stations: list[Station]) -> None:
    for each in _most(station, stations):
        assert each.etcd is not None
        each.etcd.send_signal(signal.SIGSTOP)


def _continue_most(station: Station, stations: list[Station]) -> None:
    for each in _most(station, stations):
        assert each.etcd is not None
        each.etcd.send_signal(signal.SIGCONT)


def _freeze_leader(station: Station, stations: list[Station]) -> None:
    next((each for each in stations if each.leads()), station).freeze_disk()


def _thaw(station: Station, stations: list[Station]) -> None:
    for each in stations:
        each.thaw_disk()


FAULTS = (
    Fault(
        name="host lost",
        begin=lambda one, _: one.kill_all(),
        end=_start_all,
        lasts=25,
    ),
    Fault(
        name="host cut off",
        begin=lambda one, _: one.host.unplug(),
        end=lambda one, _: one.host.plug(),
        lasts=25,
        cut=True,
    ),
    Fault(
        name="etcd cut off, clients and bucket not",
        begin=lambda one, all_: one.host.lose(*_others(one, all_)),
        end=lambda one, all_: one.host.find(*_others(one, all_)),
        lasts=25,
    ),
    Fault(
        name="etcd and bucket cut off, clients not",
        begin=lambda one, all_: one.host.lose(BUCKET, *_others(one, all_)),
        end=lambda one, all_: one.host.find(BUCKET, *_others(one, all_)),
        lasts=25,
        cut=True,
    ),
    Fault(
        name="bucket cut off",
        begin=lambda one, _: one.host.lose(BUCKET),
        end=lambda one, _: one.host.find(BUCKET),
        lasts=8,
        uncopied=True,
    ),
    Fault(
        name="manager stopped",
        begin=lambda one, _: one.signal_manager(signal.SIGSTOP),
        end=lambda one, _: one.signal_manager(signal.SIGCONT),
        lasts=20,
    ),
    Fault(
        name="manager killed",
        begin=lambda one, _: one.kill_manager(),
        end=lambda one, _: one.start_manager(),
        lasts=1,
    ),
    Fault(
        name="member of etcd killed",
        begin=lambda one, _: one.kill_etcd(),
        end=lambda one, _: one.start_etcd(),
        lasts=10,
    ),
    Fault(
        name="most of etcd stopped",
        begin=_stop_most,
        end=_continue_most,
        lasts=15,
    ),
    Fault(
        name="disk of etcd's leader frozen",
        begin=_freeze_leader,
        end=_thaw,
        lasts=25,
    ),
    Fault(name="instance killed", begin=_kill_tenants, end=_nothing, lasts=1),
    Fault(
        name="bus cut off",
        begin=lambda one, _: one.host.block(BUS, EVENTS),
        end=lambda one, _: one.host.unblock(),
        lasts=15,
    ),
)
"""All kinds; what a seed means depends on them and their order."""


def fault(name: str) -> Fault:
    """Return the one of that name."""
    return next(each for each in FAULTS if each.name == name)
