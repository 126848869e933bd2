"""One host needs nothing of the cluster."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys, run_all
print([name for name in sys.modules if name.startswith(("actors.cluster", "obstore"))])
"""


def test_one_host_loads_nothing_of_it() -> None:
    """What opens the house without it."""
    found = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)
    assert found.stdout.strip() == b"[]", found.stdout
