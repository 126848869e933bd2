"""Kill a manager again and again: its instances must not notice.

``python -m tests.chaos.kills --kills 1000``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from bus.settings import find_pocketbase
from tests.chaos import interrupt, procfs
from tests.chaos.errors import Violation
from tests.chaos.manager import Manager
from tests.chaos.patience import pause, wait_until
from tests.chaos.world import PORTS

INSTANCES = 20
GROWN_UP = 0.5
"""This share of the managers is let come up before the kill; the rest is killed on the way."""
PATIENCE = 60.0


def settings(folder: Path, ports: int) -> dict[str, str]:
    """The environment of a manager that has ``folder`` for itself."""
    return {
        "PB_BINARY_PATH": find_pocketbase(),
        "PB_BASE_PORT": str(procfs.free_block(ports, PORTS)),
        "PB_PORT_RANGE": str(ports),
        "PB_USER_DBS_PATH": str(folder / "dbs"),
        "PB_API_PORT": str(procfs.free_port()),
        "PB_LIVE_PORT": "off",
        "PB_ON_EXIT": "keep",
    }


def kill_repeatedly(
    kills: int, seed: int, *, instances: int = INSTANCES, say: Callable[[str], None] = print
) -> float:
    """Kill so many managers; return the seconds it took, or raise :class:`Violation`."""
    draw = Random(seed)
    with tempfile.TemporaryDirectory(prefix="pblm-kills-") as name:
        folder = Path(name)
        manager = Manager(settings(folder, instances), folder / "manager.log")
        try:
            return _kill(manager, draw, kills, instances, say)
        finally:
            manager.kill()
            procfs.kill_servers(folder / "dbs")


def _kill(
    manager: Manager, draw: Random, kills: int, instances: int, say: Callable[[str], None]
) -> float:
    manager.start()
    for number in range(instances):
        manager.call("POST", f"/api/users/user{number}/init_pb")
    before = _running(manager, instances)
    began = time.monotonic()
    for number in range(1, kills + 1):
        manager.kill()
        if draw.random() < GROWN_UP or number == kills:
            manager.start()
            _compare(before, _running(manager, instances), number)
        else:
            manager.launch()
            pause(draw.uniform(0, 0.8))
        if number % 50 == 0:
            say(f"{number} kills, {time.monotonic() - began:.0f} s: still the same pids")
    return time.monotonic() - began


def _running(manager: Manager, instances: int) -> dict[str, tuple[object, ...]]:
    """Who runs, once all do: the process, when it was started, how often it was restarted."""

    def all_run() -> bool:
        statuses = [each["status"] for each in manager.instances().values()]
        return statuses == ["Running"] * instances

    wait_until("all instances run", all_run, PATIENCE)
    return {
        user: (each["pid"], each["started_at"], each["restarts"])
        for user, each in manager.instances().items()
    }


def _compare(
    before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]], kills: int
) -> None:
    if before != after:
        changed = {user: (before[user], after.get(user)) for user in before if before != after}
        raise Violation(f"after {kills} kills: {changed}")


def main() -> int:
    """Kill, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    interrupt.by_exception()
    try:
        took = kill_repeatedly(
            options.kills, options.seed, say=lambda line: print(line, flush=True)
        )
    except KeyboardInterrupt:
        print("interrupted; everything was cleaned up", file=sys.stderr)
        return 130
    except Violation as violation:
        print(f"VIOLATED: {violation}\nseed {options.seed}", file=sys.stderr)
        return 1
    print(f"{options.kills} kills of a manager in {took:.0f} s: the same {INSTANCES} processes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
