"""World: three hosts, their network and their bucket, for as long as they are needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.nemesis.network import BUCKET, network
from tests.nemesis.run import Run, Say
from tests.replication.s3 import bucket

TOOLS = ("ip", "nsenter", "nft", "fsfreeze", "mkfs.ext4", "mount")


def missing() -> str:
    """What it takes and is not here; empty: nothing."""
    if os.geteuid() != 0:
        return "network namespaces and disks are made, which takes root"
    lost = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not here: {', '.join(lost)}" if lost else ""


@contextmanager
def world(folder: Path, say: Say, *, hosts: int, ttl: int, margin: float) -> Iterator[Run]:
    """Make them in ``folder``; nothing runs yet, and nothing is left afterwards."""
    with network(hosts) as made, bucket(folder / "s3", address=BUCKET) as s3:
        settings = s3.settings() | {"cluster_ttl": ttl, "cluster_margin": margin}
        replicas = s3.folder / str(settings["replica_url"]).split("/", 3)[3]
        run = Run(made, folder, settings, replicas, say)
        try:
            yield run
        finally:
            run.close()
