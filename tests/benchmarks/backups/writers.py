"""Writers: who works with a PocketBase while it is backed up, in processes of their own.

Two write a record a hundred times a second each, which is timed; three upload a file and delete it
again, without a pause.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from tests.benchmarks.manager import PATIENCE

WRITERS, CHURNERS = 2, 3
PACE = 0.01
"""Seconds from one record of a writer to its next one."""
RECORDS = "/api/collections/documents/records"
BOUNDARY = "of-the-benchmark"
UPLOAD = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="one"; filename="churn.txt"\r\n'
    "Content-Type: text/plain\r\n\r\n"
    f"{'x' * 2000}\r\n--{BOUNDARY}--\r\n"
)


class Write(NamedTuple):
    """One record that was written, in seconds of the monotonic clock."""

    began: float
    took: float
    accepted: bool


class Client:
    """Speaks to one PocketBase over one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._token = token

    def write(self, title: str) -> Write:
        """Write a record."""
        began = time.monotonic()
        status, _ = self._call("POST", RECORDS, json.dumps({"title": title}), "application/json")
        return Write(began, time.monotonic() - began, status == 200)

    def churn(self) -> None:
        """Upload a file, and delete it."""
        form = f"multipart/form-data; boundary={BOUNDARY}"
        status, body = self._call("POST", RECORDS, UPLOAD, form)
        if status == 200:
            self._call("DELETE", f"{RECORDS}/{json.loads(body)['id']}")

    def _call(
        self, method: str, path: str, body: str | None = None, kind: str = ""
    ) -> tuple[int, bytes]:
        headers = {"Authorization": self._token} | ({"Content-Type": kind} if kind else {})
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        return answer.status, answer.read()


@contextmanager
def busy(port: int, token: str) -> Iterator[Callable[[], list[Write]]]:
    """Have everybody work. Yields what ends that, and returns every write in its order."""
    spawning = multiprocessing.get_context("spawn")
    lines, processes = [], []
    for work in (_write, _churn):
        here, there = spawning.Pipe()
        process = spawning.Process(target=work, args=(there, port, token), daemon=True)
        process.start()
        lines.append(here)
        processes.append(process)

    def finish() -> list[Write]:
        for line in lines:
            line.send("enough")
        writes, _ = (_said(line) for line in lines)
        return sorted(writes)

    try:
        for line in lines:
            _said(line)  # they have begun
        yield finish
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _said(line: Connection) -> list[Write]:
    if not line.poll(PATIENCE):
        raise TimeoutError("a writer is silent")
    said: list[Write] = line.recv()
    return said


def _write(line: Connection, port: int, token: str) -> None:
    ended = threading.Event()
    writes: list[Write] = []

    def write() -> None:
        client, due = Client(port, token), time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due = max(due, time.monotonic() - PACE) + PACE
            writes.append(client.write("written"))

    _work(line, [write] * WRITERS, ended)
    line.send(writes)


def _churn(line: Connection, port: int, token: str) -> None:
    ended = threading.Event()

    def churn() -> None:
        client = Client(port, token)
        while not ended.is_set():
            client.churn()

    _work(line, [churn] * CHURNERS, ended)
    line.send([])


def _work(line: Connection, works: list[Callable[[], None]], ended: threading.Event) -> None:
    """Do all of it until we are told that it is enough."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    line.send([])
    line.recv()
    ended.set()
    for thread in threads:
        thread.join()
