"""Run in an instance's own namespace: make the collection that everybody may write to and read.

A superuser is let in from loopback only, and loopback is another one in each namespace.
It listens at the address of the host.
"""

from __future__ import annotations

import sys

from tests.chaos import writer
from tests.chaos.rest import Rest
from tests.house.tenant import POCKETBASE


def main(directory: str, host: str, port: int) -> None:
    """Make it, and have nobody's writes limited."""
    writer.NOTES["createRule"] = ""
    token = writer.provide(str(POCKETBASE), {"db_path": directory, "port": port}, host)
    rest = Rest(port, host=host, source=writer.LOOPBACK, token=token)
    status, answer = rest.call("PATCH", "/api/settings", {"rateLimits": {"enabled": False}})
    assert status == 200, answer


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
