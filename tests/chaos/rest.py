"""A client of a JSON API, on loopback if nothing else is said."""

from __future__ import annotations

import http.client
import json
from typing import Any


class Rest:
    """One connection that is kept. Not for sharing between threads."""

    def __init__(
        self,
        port: int,
        *,
        timeout: float = 10.0,
        token: str = "",
        host: str = "127.0.0.1",
        source: str = "",
    ) -> None:
        """``source`` is the address that it calls from; empty: which that is does not matter."""
        self.port = port
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = token
        self._connection = http.client.HTTPConnection(
            host, port, timeout=timeout, source_address=(source, 0) if source else None
        )

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the HTTP status and the body; raise ConnectionError when there is no answer."""
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, data, self._headers)
            response = self._connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise ConnectionError(f"{method} {path}: {error!r}") from error

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        self._connection.close()


def answers(port: int, *, timeout: float = 1.0) -> bool:
    """Whether a PocketBase answers on ``port``, asked without leaving a row in its log."""
    rest = Rest(port, timeout=timeout)
    try:
        return rest.call("OPTIONS", "/api/health")[0] == 204
    except ConnectionError:
        return False
    finally:
        rest.close()
