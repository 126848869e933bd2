"""ProcessSampler: what one process takes, with its children. The only use of psutil.

What a look costs was measured on PocketBase 0.40.6: CPU time 20 us, PSS 250 us, since the kernel
walks the page tables for it. So memory is looked at less often. RSS would be cheap, and wrong: it
counts the program's own pages, which all instances share, once for each.
"""

from __future__ import annotations

import math
import random

import msgspec
import psutil

from actors import proc
from actors.proc import ProcessIdentity

MEMORY_INTERVAL = 60.0
"""Seconds between two looks at a process's memory, give or take a quarter: what was started at once
must not be looked at at once."""
LONGEST_INTERVAL = 300.0
"""Seconds, likewise, for a process that has done nothing: what it has is what it had."""
NOTHING = 0.02
"""Seconds of CPU time that PocketBase takes in a minute or two without being asked for anything."""
FIRST_INTERVAL = 5.0
"""Seconds to the second look at it: at the first, what has just been started is still small, and a
Litestream may have no child yet."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a process."""

    cpu_seconds: float
    cpu_percent: float
    memory_bytes: int


class ProcessSampler:
    """Looks at one process, again and again. Raises :class:`ProcessLookupError` when it is gone."""

    def __init__(self, identity: ProcessIdentity, *, since: float, parent: bool = True) -> None:
        """``since`` is when the process was started, on the monotonic clock.

        What may be a ``parent``, a Litestream, is counted with its child; looking for it takes
        as long as a look at the memory.
        """
        self.identity = identity
        self._is_parent = parent
        self._at = since
        self._cpu = 0.0
        self._memory = 0
        self._memory_at = self._memory_cpu = -math.inf
        self._looks = 0
        self._spread = random.uniform(0.75, 1.25)
        self._children: list[psutil.Process] = []
        try:
            self._process = psutil.Process(identity.pid)
        except psutil.Error as error:
            raise ProcessLookupError(identity.pid) from error

    def sample(self, at: float) -> Sample:
        """Look at it now."""
        try:
            if at >= self._memory_at + self._memory_interval:
                self._children = self._find_children()
                self._memory = sum(memory_of(each) for each in (self._process, *self._children))
                self._memory_at, self._memory_cpu = at, self._cpu
                self._looks += 1
            times = [each.cpu_times() for each in (self._process, *self._children)]
        except psutil.Error as error:
            raise ProcessLookupError(self.identity.pid) from error
        cpu, elapsed = sum(each.user + each.system for each in times), at - self._at
        percent = 100 * max(0.0, cpu - self._cpu) / elapsed if elapsed > 0 else 0.0
        self._at, self._cpu = at, cpu
        return Sample(
            cpu_seconds=round(cpu, 2), cpu_percent=round(percent, 2), memory_bytes=self._memory
        )

    @property
    def _memory_interval(self) -> float:
        """How many seconds after the last look at the memory the next one comes."""
        if self._looks < 2:
            return FIRST_INTERVAL
        idle = self._cpu - self._memory_cpu <= NOTHING
        return self._spread * (LONGEST_INTERVAL if idle else MEMORY_INTERVAL)

    def _find_children(self) -> list[psutil.Process]:
        """The PocketBase that it is the parent of, where it is a Litestream."""
        children = proc.family(self.identity.pid)[1:] if self._is_parent else ()
        return [psutil.Process(pid) for pid in children if proc.served_directory(pid)]


def memory_of(process: psutil.Process) -> int:
    """Return the process's share of the memory in bytes: PSS, or what it shares with nobody.

    The second where the system does not tell the first (a process of another uid, without root).
    """
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        memory = process.memory_info()
        return int(memory.rss - memory.shared)
