"""Where each user's instance answers, as the manager tells."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec

from api.gateway.refusals import absent, busy, later

HERE = "127.0.0.1"
"""Where the instances are when there is one host."""
REMEMBERED = 2.0
"""Seconds: ``max-age`` of ``/wake``."""
DEADLINE = 20.0
"""Seconds for which a request is held, over a start or while the manager is away."""
PAUSE = 0.05


class Place(NamedTuple):
    """Where an instance answers."""

    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class _Known(msgspec.Struct, frozen=True):
    place: Place | None
    until: float


class Routes:
    """Asks the manager, once however many wait for the same user."""

    def __init__(self, wake_socket: Path) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(wake_socket), limit=0),
            timeout=aiohttp.ClientTimeout(total=DEADLINE + 5),
        )
        self._known: dict[str, _Known] = {}
        """In the order in which it was told: what is too old goes when something is told."""
        self._asking: dict[tuple[str, bool], asyncio.Task[tuple[Place, bool]]] = {}

    def known(self, label: str) -> Place | None:
        """Return the place as it was told a moment ago; None: ask.

        Raises :class:`Refusal` when nobody was there a moment ago.
        """
        known = self._known.get(label)
        if known is None or known.until < asyncio.get_running_loop().time():
            return None
        if known.place is None:
            raise absent()
        return known.place

    async def find(self, label: str, *, wake: bool = True) -> tuple[Place, bool]:
        """Return where the user's instance answers now, and whether it was woken for that.

        Raises :class:`Refusal`; also when it is not to ``wake`` anybody, and the user sleeps.
        """
        task = self._asking.get((label, wake))
        if task is None:
            task = self._asking[label, wake] = asyncio.create_task(self._ask(label, wake))
            task.add_done_callback(lambda _: self._asking.pop((label, wake), None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask nothing any more."""
        await self._session.close()

    async def _ask(self, label: str, wake: bool) -> tuple[Place, bool]:
        loop = asyncio.get_running_loop()
        last = loop.time() + DEADLINE
        query = {"user": label, "hosts": "1", "asleep": "tell" if wake else "leave"}
        while loop.time() < last:
            try:
                async with self._session.get("http://manager/wake", params=query) as answer:
                    return self._take(label, answer)
            except aiohttp.ClientError:  # the manager is away
                await asyncio.sleep(PAUSE)
        raise later("1")

    def _take(self, label: str, answer: aiohttp.ClientResponse) -> tuple[Place, bool]:
        self._known.pop(label, None)
        match answer.status:
            case HTTPStatus.OK:
                address = answer.headers.get("X-PB-Address", HERE)
                place = Place(address, int(answer.headers["X-PB-Port"]))
                self._remember(label, place)
                return place, "X-PB-Woken" in answer.headers
            case HTTPStatus.FORBIDDEN:
                self._remember(label, None)
                raise absent()
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise busy()
            case _:
                raise later(answer.headers.get("Retry-After", "1"))

    def _remember(self, label: str, place: Place | None) -> None:
        """Remember what is at the end; at the beginning is what was remembered first."""
        now = asyncio.get_running_loop().time()
        self._known[label] = _Known(place, now + REMEMBERED)
        while self._known[oldest := next(iter(self._known))].until < now:
            del self._known[oldest]
