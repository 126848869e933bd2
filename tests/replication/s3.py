"""A real S3 server on this machine: rclone's, which keeps its objects as files."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.house.surroundings import eventually, listening_addresses
from tests.ports import free_ports

RCLONE = Path(sys.executable).with_name("rclone")
KEY_ID, SECRET = "replica-key", "s3cr3t-of-the-bucket"


@dataclass(frozen=True)
class Bucket:
    """A bucket, and where its objects lie."""

    endpoint: str
    folder: Path
    server: subprocess.Popen[bytes]

    def settings(self) -> dict[str, object]:
        """The manager's settings that have it replicate to the bucket."""
        return {
            "replica_url": f"s3://{self.folder.name}/of/mine",
            "replica_endpoint": self.endpoint,
            "replica_access_key_id": KEY_ID,
            "replica_secret_access_key": SECRET,
        }


@contextmanager
def bucket(root: Path, *, address: str = "127.0.0.1") -> Iterator[Bucket]:
    """Run a server that has one bucket, on an address of this machine."""
    folder = root / "users"
    folder.mkdir(parents=True)
    port = free_ports(1)
    options = ["--addr", f"{address}:{port}", "--auth-key", f"{KEY_ID},{SECRET}"]
    command = [str(RCLONE), "serve", "s3", "--config=/dev/null", *options, str(root)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: bool(listening_addresses(port)), "the S3 server listens")
            yield Bucket(endpoint=f"http://{address}:{port}", folder=folder, server=server)
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()
