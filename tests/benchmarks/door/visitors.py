"""Visitors: those who come in through the door during a day, and what they saw."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.door.line import PATIENCE
from tests.benchmarks.door.schedule import Visit
from tests.benchmarks.door.town import name

OWNER = "/api/collections/owner/records"
VISITS = "/api/collections/visits/records"


@dataclass(slots=True)
class Seen:
    """What all visitors saw together. Times in seconds."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Of each visit the first answer: its user may have been asleep."""
    later: list[float] = field(default_factory=list)
    streams: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    """What was stored for each user, as far as it was answered."""


class Visitors:
    """Comes to one door."""

    def __init__(self, port: int, domain: str) -> None:
        self._port = port
        self._domain = domain
        self.seen = Seen()

    async def spend(self, visits: list[Visit]) -> None:
        """Make all these visits, each at its time."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as town:
            for visit in visits:
                await asyncio.sleep(max(0.0, began + visit.at - time.perf_counter()))
                town.create_task(self._visit(visit))

    async def count_stored(self, user: str) -> int:
        """Return how much the user's instance has stored."""
        async with asyncio.timeout(PATIENCE):
            call = await self._open(user)
            _, answer = await call.ask("GET", f"{VISITS}?perPage=1")
            call.close()
        return int(answer["totalItems"])

    async def _visit(self, visit: Visit) -> None:
        user = name(visit.user)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(self._ask_all(user, visit), self._stream(user, visit))
        except Exception as error:
            self.seen.failures.append(f"{user} at {visit.at:.1f} s: {error!r}")

    async def _ask_all(self, user: str, visit: Visit) -> None:
        call = await self._open(user)
        try:
            for pause, writes in zip((0.0, *visit.pauses), visit.writes, strict=True):
                await asyncio.sleep(pause)
                times = self.seen.later if pause else self.seen.first
                times.append(await self._ask(call, user, writes=writes))
        finally:
            call.close()

    async def _ask(self, call: Call, user: str, *, writes: bool) -> float:
        self.seen.requests += 1
        if writes:
            took, answer = await call.ask("POST", VISITS, {"of": user})
            self.seen.stored[user] += 1
            whose = answer["of"]
        else:
            took, answer = await call.ask("GET", OWNER)
            whose = answer["items"][0]["name"]
        if whose != user:
            raise AssertionError(f"was answered by {whose}")
        return took

    async def _stream(self, user: str, visit: Visit) -> None:
        if not visit.streams:
            return
        self.seen.requests += 1
        self.seen.streams += 1
        call = await self._open(user)
        try:
            await call.begin_stream()
            await asyncio.sleep(1.5)  # longer than the idle time
            if call.has_ended():
                raise AssertionError("the stream was cut")
        finally:
            call.close()

    async def _open(self, user: str) -> Call:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        return Call(reader, writer, f"{user}.{self._domain}")


class Call:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    async def ask(
        self, method: str, path: str, content: dict[str, str] | None = None
    ) -> tuple[float, Any]:
        """Return the seconds it took, and the answer; raise AssertionError unless it is 200."""
        began = time.perf_counter()
        body = b"" if content is None else json.dumps(content).encode()
        self._send(
            method, path, f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n", body
        )
        status, headers = await self._read_head()
        answer = await self._reader.readexactly(int(headers["content-length"]))
        if status != 200:
            raise AssertionError(f"{method} {path}: {status} {answer.decode()}")
        return time.perf_counter() - began, json.loads(answer)

    async def begin_stream(self) -> None:
        """Return when the stream of events has begun."""
        self._send("GET", "/api/realtime")
        status, _ = await self._read_head()
        if status != 200:
            raise AssertionError(f"the stream: {status}")
        await self._reader.readuntil(b"PB_CONNECT")

    def has_ended(self) -> bool:
        """Whether the other side has hung up."""
        return self._reader.at_eof()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def _send(self, method: str, path: str, headers: str = "", body: bytes = b"") -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{headers}\r\n"
        self._writer.write(head.encode() + body)

    async def _read_head(self) -> tuple[int, dict[str, str]]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(first.split()[1]), headers
