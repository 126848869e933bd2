"""Memory of processes, in MiB."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def resident(pid: int) -> float:
    """Return what is in memory of the process."""
    return _sizes(pid)["Rss"]


def proportional(pids: Iterable[int]) -> float:
    """Return what these take together; a page that some share counts for each in part."""
    total = 0.0
    for pid in pids:
        try:
            total += _sizes(pid)["Pss"]
        except (ProcessLookupError, FileNotFoundError):  # it has just ended
            continue
    return total


def serving(root: Path) -> list[int]:
    """Return the processes that serve a directory under ``root``."""
    ours = f"--dir={root}/".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(ours) for word in words):
            found.append(int(folder.name))
    return found


def _sizes(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    rows = (line.split()[:2] for line in lines)
    return {name.rstrip(":"): int(value) / 1024 for name, value in rows}
