"""What a boot takes: it is for those who are to run, not for those who are known.

``python -m tests.chaos.boot``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from actors.records import Record
from actors.store import Store
from bus.states import Desired, Status
from tests.chaos import interrupt, procfs
from tests.chaos.kills import settings
from tests.chaos.manager import Manager
from tests.chaos.patience import wait_until

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot took, in seconds from the launch on."""

    known: int
    running: int
    answers: float
    """Until the API answered for all that are known."""
    all_run: float
    """Until all that are to run did."""
    cpu: float
    """CPU time of the manager until then: what the boot takes, whatever else the machine does."""

    def __str__(self) -> str:
        return (
            f"{self.known:6} known, {self.running} to run: "
            f"answers after {self.answers:.2f} s, all run after {self.all_run:.2f} s, "
            f"CPU {self.cpu:.2f} s"
        )


def boot(known: int, running: int) -> Boot:
    """Boot a manager whose registry knows ``known`` users of which ``running`` are to run."""
    with tempfile.TemporaryDirectory(prefix="pblm-boot-") as name:
        folder = Path(name)
        manager = Manager(settings(folder, 2 * running), folder / "manager.log")
        (folder / "dbs" / ".pblm").mkdir(parents=True)
        prefill(folder / "dbs" / ".pblm" / "registry.db", known, running)
        try:
            return _boot(manager, known, running)
        finally:
            manager.kill()
            procfs.kill_servers(folder / "dbs")


def prefill(registry: Path, known: int, running: int) -> None:
    """Write the registry as the machine's last life left it: those to run are spread over all."""
    store = Store(registry)
    for number in range(known):
        runs = number % (known // running) == 0
        store.put(
            Record(
                user_id=f"user{number:06}",
                status=Status.RUNNING if runs else Status.STOPPED,
                desired=Desired.RUNNING if runs else Desired.STOPPED,
                reason="as it was before the reboot",
                created_at=datetime.now(UTC),
                run=1,
            )
        )
    store.close()


def _boot(manager: Manager, known: int, running: int) -> Boot:
    began = time.monotonic()
    manager.start()
    status, body = manager.call("GET", "/api/pb_instances?limit=1")
    if status != 200 or body["total"] != known:
        raise AssertionError(f"not all users are known: {status} {body}")
    answers = time.monotonic() - began
    wait_until("all that are to run do", lambda: _running(manager) == running, PATIENCE)
    all_run = time.monotonic() - began
    return Boot(known, running, answers, all_run, procfs.cpu_seconds(manager.pid))


def _running(manager: Manager) -> int:
    return int(manager.call("GET", "/health/pb")[1]["running_instances"])


def main() -> int:
    """Boot twice and compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.boot", description=__doc__)
    parser.add_argument("--known", type=int, default=10_000, metavar="N")
    parser.add_argument("--running", type=int, default=50, metavar="N")
    options = parser.parse_args()
    interrupt.by_exception()
    try:
        for known in (options.running, options.known):
            print(boot(known, options.running), flush=True)
    except KeyboardInterrupt:
        print("interrupted; everything was cleaned up", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
