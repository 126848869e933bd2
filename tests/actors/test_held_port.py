"""The port that a user has still after a crash: nobody is asked for it."""

from __future__ import annotations

import errno
import os

from bus.states import Status
from tests.actors.house import House


def test_a_crash_keeps_the_port_unless_another_takes_it(house: House) -> None:
    """After a crash the port is the user's still; one that was lost meanwhile is replaced."""
    first = house.run().port
    house.end(code=-9)
    assert house.process().port == first
    house.taken_ports.add(first)
    house.end(code=1, output=f"listen tcp 127.0.0.1:{first}: bind: address already in use")
    house.ready()
    assert house.status() is Status.RUNNING
    assert house.process().port != first
    assert house.record().port == house.process().port


def test_a_port_that_was_given_up_is_asked_for_again(house: House) -> None:
    """When all are taken the user has none any more: another may have got it since."""
    first = house.run().port
    house.end(code=-9)
    house.taken_ports.update(range(20_000, 20_100))
    house.end(code=1, output=f"listen tcp 127.0.0.1:{first}: bind: address already in use")
    assert house.record().reason.startswith("No available ports")
    spawned = len(house.processes.spawned)
    house.init()
    assert len(house.processes.spawned) == spawned


def test_a_start_that_never_spawned_keeps_the_port_that_it_was_given(house: House) -> None:
    """The one on record is of long ago: somebody else may have it by now."""
    first = house.run().port
    house.stop()
    house.end()
    house.taken_ports.add(first)
    house.processes.faults.append(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
    house.init()
    house.taken_ports.discard(first)
    house.advance(5)
    house.ready()
    assert house.record().port != first
