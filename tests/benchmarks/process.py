"""A child process that tells us something."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.manager import PATIENCE


@contextmanager
def child(work: Callable[..., None], *arguments: object) -> Iterator[Callable[[], Any]]:
    """Run ``work(pipe, *arguments)`` in another process, and end it.

    Yields a function that returns what the process says next.
    """
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=work, args=(there, *arguments), daemon=True)
    process.start()

    def said() -> Any:
        if not here.poll(PATIENCE):
            raise TimeoutError(f"{work.__name__} is silent")
        return here.recv()

    try:
        yield said
    finally:
        process.terminate()
        process.join()


def resident(pid: int) -> float:
    """Return the memory that the process has (RSS), in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
