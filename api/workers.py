"""Workers: the threads on which waitress has its calls answered.

waitress's own dispatcher starts all its threads at once and wakes the one that has rested longest.
Here a thread is started when none is free, and the one that rested last goes on: what it needs is
still in the processor's caches, and a manager that has little to do has few threads.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Protocol

from bus.stopwatch import Stopwatch

IDLE = 30.0
"""After so many seconds without a call a thread ends."""

log = logging.getLogger(__name__)


class Task(Protocol):
    """What waitress wants to have done: a channel with a whole request."""

    def stays(self) -> bool:
        """Whether who brings it does it himself."""

    def service(self) -> None:
        """Do it."""

    def cancel(self) -> None:
        """It will not be done."""


class _Worker:
    """A thread, and the task that it is woken for."""

    def __init__(self, task: Task) -> None:
        self.task: Task | None = task
        self.woken = threading.Lock()
        self.woken.acquire()


class Workers:
    """A task dispatcher for waitress; ``name`` stands before the numbers of its threads."""

    def __init__(self, most: int, name: str) -> None:
        """Serve ``most`` tasks at the same time; further ones wait in ``queue``."""
        self.queue: deque[Task] = deque()
        self._most = most
        self._name = name
        self._lock = threading.Lock()
        self._gone = threading.Condition(self._lock)
        self._idle: list[_Worker] = []
        self._count = 0
        self._closed = False

    def add_task(self, task: Task) -> None:
        """Have it done by the thread that rested last, by a new one, or when one is free."""
        if task.stays():
            return
        with self._lock:
            if self._closed:
                self.queue.append(task)
            elif self._idle:
                self._wake(self._idle.pop(), task)
            elif self._count < self._most:
                self._begin(task)
            else:
                self.queue.append(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Start nothing more; wait ``timeout`` seconds for the tasks under way.

        Return whether tasks were waiting, and are cancelled now.
        """
        watch = Stopwatch()
        with self._lock:
            self._closed = True
            while self._idle:
                self._wake(self._idle.pop(), None)
            while self._count and (left := timeout - watch.seconds()) > 0:
                self._gone.wait(left)
            if self._count:
                log.warning("%d calls are still served", self._count)
            pending = list(self.queue) if cancel_pending else []
            self.queue.clear()
        for task in pending:
            task.cancel()
        return bool(pending)

    def _begin(self, task: Task) -> None:
        """Start a thread for it; where there can be none now, those that there are have it next."""
        name, worker = f"{self._name}-{self._count + 1}", _Worker(task)
        try:
            threading.Thread(target=self._run, args=(worker,), name=name, daemon=True).start()
        except RuntimeError:
            if not self._count:
                raise
            self.queue.append(task)
        else:
            self._count += 1

    def _wake(self, worker: _Worker, task: Task | None) -> None:
        worker.task = task
        worker.woken.release()

    def _run(self, worker: _Worker) -> None:
        while (task := worker.task) is not None:
            try:
                task.service()
            except BaseException:
                log.exception("a call could not be served")
            if self._rests(worker) and not worker.woken.acquire(timeout=IDLE):
                if self._leaves(worker):
                    return
                worker.woken.acquire()  # it has been woken just now
        with self._lock:
            self._end()

    def _rests(self, worker: _Worker) -> bool:
        """Have ``worker`` rest, unless there is a task that waits, or the end has come."""
        with self._lock:
            worker.task = self.queue.popleft() if self.queue and not self._closed else None
            rests = worker.task is None and not self._closed
            if rests:
                self._idle.append(worker)
            return rests

    def _leaves(self, worker: _Worker) -> bool:
        """Whether it still rests: then it is counted no more, and nothing waits for it."""
        with self._lock:
            rested = worker in self._idle
            if rested:
                self._idle.remove(worker)
                self._end()
            return rested

    def _end(self) -> None:
        self._count -= 1
        self._gone.notify()
