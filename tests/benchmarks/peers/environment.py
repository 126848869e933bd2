"""Where the peers are installed: in a directory of their own, never among the project's files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PLACE = Path.home() / ".cache" / "pblm-benchmarks"
PYTHON = ("circus==0.19.0", "supervisor==4.3.0", "setuptools<81")
NODE = "pm2@7"
PATIENCE = 600


def install_python() -> str:
    """Have Circus and Supervisor there; return why not, or nothing."""
    program = PLACE / "venv" / "bin" / "pip"
    if not program.exists():
        said = _run([sys.executable, "-m", "venv", str(PLACE / "venv")])
        if said:
            return said
    return _run([str(program), "install", "-q", *PYTHON])


def install_node() -> str:
    """Have PM2 there; return why not, or nothing."""
    if shutil.which("npm") is None:
        return "there is no npm"
    quiet = ("--no-audit", "--no-fund", "--silent")
    return _run(["npm", "install", "--prefix", str(PLACE), *quiet, NODE])


def _run(command: list[str]) -> str:
    PLACE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return done.stderr[-300:] if done.returncode else ""
