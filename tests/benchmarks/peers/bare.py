"""The bare loop: ``Popen``, a pidfd, and ``Popen`` again when it tells of a death."""

from __future__ import annotations

import os
import select
import subprocess
import threading

from tests.benchmarks.bare import PATIENCE
from tests.benchmarks.peers.peer import Job, Jobs, healthy, until


class BareLoop:
    """As little as one can do. It says that a job runs when the job answers its health check."""

    name = "bare loop"

    def __init__(self, jobs: Jobs) -> None:
        self.job = jobs.job
        self._wanted: set[str] = set()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._watching: list[threading.Thread] = []

    def add(self, job: Job) -> None:
        self._wanted.add(job.name)
        self._spawn(job)
        watch = threading.Thread(target=self._watch, args=(job,), daemon=True)
        watch.start()
        self._watching.append(watch)
        until(lambda: healthy(job.port), job.name)

    def start(self, job: Job) -> None:
        self.add(job)

    def stop(self, job: Job) -> None:
        self._wanted.discard(job.name)
        self._running[job.name].terminate()
        self._watching.pop().join(PATIENCE)

    def status(self, job: Job) -> str:
        return "running" if job.name in self._running else "stopped"

    def close(self) -> None:
        self._wanted.clear()
        for process in self._running.values():
            process.kill()
        for watch in self._watching:
            watch.join(PATIENCE)

    def _spawn(self, job: Job) -> None:
        self._running[job.name] = subprocess.Popen(
            job.command,
            env={"PATH": "", "HOME": str(job.data)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _watch(self, job: Job) -> None:
        while True:
            process = self._running[job.name]
            pidfd = os.pidfd_open(process.pid)
            select.select([pidfd], [], [])
            os.close(pidfd)
            process.wait()
            if job.name not in self._wanted:
                return
            self._spawn(job)
