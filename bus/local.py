"""Asking the manager from within its own process."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from typing import Any

import zmq

from bus import codec
from bus.answers import Answer
from bus.client import BusClient, closed, no_answer
from bus.errors import InternalError, PblmError
from bus.metrics import Metrics
from bus.requests import GetEvents, Request

Reply = Callable[[Answer], None]
Handler = Callable[[Request, Reply], None]

log = logging.getLogger(__name__)


class LocalClient(BusClient):
    """Hands each request to the manager on the caller's own thread, so no socket is in between.

    The same is refused as on the wire, and the same is answered.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        context: zmq.Context[Any],
        handler: Callable[[], Handler],
        metrics: Metrics | None = None,
    ) -> None:
        """``handler`` gives the manager's. What the hub itself answers is asked at ``endpoint``."""
        super().__init__(endpoint, context=context, metrics=metrics)
        self._handler = handler
        self._boxes: set[queue.SimpleQueue[Answer | None]] = set()

    def _answer(self, request: Request, timeout: float) -> Answer:
        if isinstance(request, GetEvents):
            return super()._answer(request, timeout)
        box: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        with self._call():
            self._boxes.add(box)
            try:
                self._hand_over(codec.decode_request(codec.encode(request)), box.put)
                answer = box.get(timeout=0 if self._closed else timeout)
            except queue.Empty:
                raise (closed() if self._closed else no_answer(timeout)) from None
            finally:
                self._boxes.discard(box)
        if answer is None:
            raise closed()
        return answer

    def _hand_over(self, request: Request, reply: Reply) -> None:
        try:
            self._handler()(request, reply)
        except PblmError:
            raise
        except Exception as bug:
            log.exception("the handler failed")
            raise InternalError("The request failed by a bug; see the log") from bug

    def _wake_all(self) -> None:
        super()._wake_all()
        for box in list(self._boxes):
            box.put(None)
