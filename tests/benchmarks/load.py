"""Requests per second: by ``wrk`` where it is installed, else by a small client of our own."""

from __future__ import annotations

import re
import selectors
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection

from tests.benchmarks.process import child

PROCESSES = 2


def tool() -> str:
    """What makes the load."""
    return "wrk" if shutil.which("wrk") else "own client"


def rate(port: int, path: str, clients: int, seconds: int, host: str = "127.0.0.1") -> float:
    """Return how many requests per second so many keep-alive clients get answered.

    ``host`` is the name that they ask for.
    """
    wrk = shutil.which("wrk")
    if wrk:
        return _wrk(wrk, f"http://127.0.0.1:{port}{path}", clients, seconds, host)
    with ExitStack() as stack:
        share = clients // PROCESSES
        answers = [
            stack.enter_context(child(ask, port, path, share, seconds, host))
            for _ in range(PROCESSES)
        ]
        answered: int = sum(answer() for answer in answers)
        return answered / seconds


def _wrk(wrk: str, url: str, clients: int, seconds: int, host: str) -> float:
    command = [wrk, f"-t{PROCESSES}", f"-c{clients}", f"-d{seconds}s", f"-HHost: {host}", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    return float(found[1])


class Line:
    """A connection that is kept, with as little of a client as there can be."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))

    def timed(self, path: str) -> float:
        """Return the seconds from a request to its whole answer."""
        request = _request(path, "127.0.0.1")
        began = time.perf_counter()
        self._connection.sendall(request)
        _read_answer(self._connection)
        return time.perf_counter() - began

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def ask(pipe: Connection, port: int, path: str, clients: int, seconds: int, host: str) -> None:
    """Send how many answers so many connections got; each asks again when it has its answer."""
    request = _request(path, host)
    answered = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", port))
            selector.register(connection, selectors.EVENT_READ)
            connection.sendall(request)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for key, _ in selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                _read_answer(key.fileobj)
                answered += 1
                key.fileobj.sendall(request)
    pipe.send(answered)


def _request(path: str, host: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def _read_answer(connection: socket.socket) -> None:
    received = b""
    while True:
        received += connection.recv(65536)
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            if len(body) >= int(length[1]):
                return
