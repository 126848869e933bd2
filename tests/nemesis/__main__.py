"""Hurt three hosts at random, under writes, and see that the promises of the cluster hold.

Takes root: each host is a network namespace, with a real etcd, manager, Litestream and PocketBase;
the replica is in a real S3 server. A violated promise ends the run with status 1; the same seed
makes the same faults again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from tests.chaos import interrupt
from tests.etcd import ETCD, version
from tests.nemesis.faults import FAULTS
from tests.nemesis.run import Happened, Run, kinds
from tests.nemesis.verdict import Broken, counts, groups
from tests.nemesis.world import missing, world


def main() -> int:
    """Run, print, perhaps write."""
    options = _options()
    if problem := missing():
        print(problem, file=sys.stderr)
        return 2
    if options.etcd:
        os.environ[ETCD] = options.etcd
    interrupt.by_exception()
    with tempfile.TemporaryDirectory(prefix="pblm-nemesis-") as folder:
        try:
            text, wrong = _run(options, Path(folder))
        except KeyboardInterrupt:
            print("interrupted; everything was cleaned up", file=sys.stderr)
            return 130
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    for each in groups(wrong):
        line = "{count} x {kind}: {user}: {what}; {longest} s at most".format_map(each)
        print(f"VIOLATED: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _run(options: argparse.Namespace, folder: Path) -> tuple[str, list[Broken]]:
    chance = random.Random(options.seed)
    sizes = {"hosts": options.hosts, "ttl": options.ttl, "margin": options.margin}
    with world(folder, _say, **sizes) as run:
        try:
            run.begin(options.users)
            until = time.monotonic() + options.seconds
            while time.monotonic() < until:
                run.hurt(chance, kinds(options.only))
            wrong = run.end()
        finally:
            if options.keep:
                _keep(folder, options.keep)
        if options.json:
            options.json.write_text(json.dumps(_told(run, wrong), indent=1))
    return _markdown(options, run, wrong), wrong


def _keep(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("h*/*.log"):
        (target / f"{log.parent.name}-{log.name}").write_bytes(log.read_bytes())


def _markdown(options: argparse.Namespace, run: Run, wrong: list[Broken]) -> str:
    rows: dict[str, list[Happened]] = defaultdict(list)
    for each in run.happened:
        rows[each.fault.name].append(each)
    acks = sum(len(client.acks) for client in run.clients)
    epochs = sum(len(seen) for seen in run.epochs.values())
    lost = sum(each.lost for each in run.happened)
    behind = sum(each.behind for each in run.happened)
    each_kind = ", ".join(f"{kind}: {number}" for kind, number in counts(wrong).items())
    lines = [
        f"Etcd {version()}, seed {options.seed}, {options.seconds} s, "
        f"{options.hosts} hosts, {options.users} users, "
        f"TTL {options.ttl} s, margin {options.margin:g} s: {len(run.happened)} faults, "
        f"{epochs} epochs, {acks} acknowledged writes, {lost} of them lost, "
        f"{behind} of these because the replica had not caught up; "
        f"{len(wrong)} promises broken ({each_kind}).",
        "",
        "| fault | times | longest outage of a user | acknowledged, lost | window of that |",
        "|---|---|---|---|---|",
    ]
    for name, some in sorted(rows.items()):
        outage = max(max(one.outages, default=0.0) for one in some)
        missing, window = sum(one.lost for one in some), max(one.window for one in some)
        cells = (name, len(some), f"{outage:.1f} s", missing, f"{window:.2f} s")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _told(run: Run, wrong: list[Broken]) -> dict[str, object]:
    """All that the judge went by, but for the databases; times are those of the boot clock."""
    return {
        "broken": counts(wrong),
        "groups": groups(wrong),
        "faults": [asdict(each) | {"fault": each.fault.name} for each in run.happened],
        "epochs": run.epochs,
        "keys": run.keys,
        "acks": {client.user: [asdict(ack) for ack in client.acks] for client in run.clients},
    }


def _say(line: str) -> None:
    print(line, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.nemesis", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--hosts", type=int, default=3, metavar="N")
    parser.add_argument("--users", type=int, default=6, metavar="N")
    parser.add_argument("--ttl", type=int, default=9, metavar="SECONDS")
    parser.add_argument("--margin", type=float, default=3.0, metavar="SECONDS")
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--etcd", metavar="FILE", help=f"the etcd to run; else that of ${ETCD}")
    parser.add_argument("--only", action="append", default=[], choices=names)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was seen there")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="put the logs there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
