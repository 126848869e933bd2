"""A PocketBase whose start can be made to hang: a script in front of the real one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SCRIPT = """#!/bin/sh
for word; do
    case "$word" in --dir=*) gate="{gates}/${{word##*/}}" ;; esac
done
# Opening a pipe to read from it waits until somebody opens it to write.
[ -p "$gate" ] && read -r _ <"$gate"
exec "{binary}" "$@"
"""


class HangingBinary:
    """Starts like PocketBase, except for the users whose gate is shut."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.path = folder / "pocketbase"
        self._gates = folder / "gates"
        self._gates.mkdir(parents=True)
        self.path.write_text(SCRIPT.format(gates=self._gates, binary=binary))
        self.path.chmod(0o755)

    def shut(self, directory: str) -> None:
        """From now on a start on ``directory`` hangs, without a word and without a port."""
        os.mkfifo(self._gate(directory))

    def release(self, directory: str) -> None:
        """Let those that hang go on, and no other one hang."""
        gate = self._gate(directory)
        with contextlib.suppress(FileNotFoundError):
            held = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
            gate.unlink()
            os.close(held)

    def release_all(self) -> None:
        """Let everybody go on."""
        for gate in self._gates.iterdir():
            self.release(gate.name)

    def _gate(self, directory: str) -> Path:
        return self._gates / Path(directory).name
