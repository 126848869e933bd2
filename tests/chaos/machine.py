"""What a fault may take from the machine: room on the disk, the time of day."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.chaos.errors import Skip

SPARE = 256
"""Blocks that others may take while the rest is filled."""


class SmallDisk:
    """A file system of its own, in memory, that can be filled; needs root."""

    def __init__(self, path: Path, *, mib: int = 768) -> None:
        """Mount it at ``path``; without the right to, ``path`` is a directory like any other."""
        self.path = path
        path.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "tmpfs", str(path)]
        self.problem = _run(command) if os.geteuid() == 0 else "mounting a small disk needs root"
        self.mounted = not self.problem
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take all the room that is left; raise :class:`Skip` where there is no small disk."""
        if not self.mounted:
            raise Skip(self.problem)
        with open(self._ballast, "wb", buffering=0) as file:
            for spare in (SPARE, 8 * SPARE, 64 * SPARE):  # others write meanwhile
                with contextlib.suppress(OSError):
                    room = os.statvfs(self.path)
                    most = max(1, (room.f_bavail - spare) * room.f_frsize)
                    os.posix_fallocate(file.fileno(), 0, most)
                    break
            with contextlib.suppress(OSError):  # and what has become free meanwhile
                while file.seek(0, os.SEEK_END) and file.write(bytes(4096)):
                    pass

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        if self.mounted:
            self.free()
            if _run(["umount", str(self.path)]):
                _run(["umount", "--lazy", str(self.path)])
            self.mounted = False


class FakeClock:
    """The time of day as one process sees it; needs the program ``faketime``."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def environ(self) -> dict[str, str]:
        """What a process needs to see it; raises :class:`Skip` where it cannot be had.

        Only the time of day jumps, as with a real clock: monotonic time goes on.
        """
        if shutil.which("faketime") is None:
            raise Skip("a jump of the clock needs the program faketime")
        said = subprocess.run(
            ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return {
            "LD_PRELOAD": said.stdout.strip(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, seconds: int) -> None:
        """Jump to so many seconds from the true time."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""
