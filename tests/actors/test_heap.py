"""The threads share one heap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COUNT = """
import re, sys, threading
from pathlib import Path
from actors.heap import share_heap

if sys.argv[1] == "shared":
    share_heap()

def allocate(kept=[]):
    kept.append([bytes(600 + number) for number in range(200)])
    ready.wait()
    done.wait()

ready, done = threading.Barrier(9), threading.Barrier(9)
for _ in range(8):
    threading.Thread(target=allocate).start()
ready.wait()
heap = 64 * 1024 * 1024  # HEAP_MAX_SIZE of glibc on 64 bits: where an arena of a thread begins
without_file = re.compile(r"^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$", re.M)
starts = without_file.findall(Path("/proc/self/maps").read_text())
print(sum(int(start, 16) % heap == 0 for start in starts))
done.wait()
"""


def arenas(how: str) -> int:
    """Return how many arenas eight threads that allocate have beside the first one."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", COUNT, how]
    return int(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)


def test_threads_share_one_heap() -> None:
    """Beside the first there is none, where there would be some."""
    assert (arenas("own") > 0, arenas("shared")) == (True, 0)
