"""One host is as it always was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.surroundings import PATIENCE

PROGRAM = """
import sys
from pathlib import Path
from actors.system import ActorSystem
from bus.settings import Settings

system = ActorSystem(Settings(user_dbs_path=Path(sys.argv[1])))
system.start(lambda event: None)
system.close()
print(*sorted(name for name in sys.modules if name.startswith(("bus.peers", "actors.cluster"))))
"""


def test_one_host_loads_nothing_of_a_cluster(tmp_path: Path) -> None:
    """No socket for others, no key, and not even the code."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, text=True)
    assert (ended.stdout.strip(), ended.returncode) == ("", 0), ended.stderr
    assert not (tmp_path / ".pblm" / "peer.key").exists()
