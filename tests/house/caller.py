"""Caller: somebody who uses the HTTP API."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import requests

from tests.house.surroundings import PATIENCE

Json = dict[str, Any]


class Caller:
    """Calls the API on ``port``; each call has a connection of its own."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}

    def call(
        self, method: str, path: str, *, timeout: float = 2 * PATIENCE, **content: Any
    ) -> requests.Response:
        """Return the answer, whatever it is. The path is sent as it stands."""
        request = requests.Request(method, self.url, headers=self._headers, **content).prepare()
        request.url = self.url + path
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands between us and loopback
            return session.send(request, timeout=timeout)

    def init_pb(
        self, user_id: str, *, wait: float | None = None, timeout: float = 2 * PATIENCE, **body: Any
    ) -> requests.Response:
        """Return the answer to ``init_pb``."""
        query = "" if wait is None else f"?wait={wait:g}"
        path = f"/api/users/{quote(user_id, safe='')}/init_pb{query}"
        return self.call("POST", path, timeout=timeout, json=body or None)

    def begin_init(self, user_id: str) -> Future[requests.Response]:
        """Call ``init_pb`` and wait for the answer in the background."""
        return _in_background(lambda: self.init_pb(user_id))

    def begin_stop(self, user_id: str) -> Future[requests.Response]:
        """Call ``stop_pb`` and wait for the answer in the background."""
        return _in_background(lambda: self.stop_pb(user_id))

    def run(self, user_id: str, **body: Any) -> Json:
        """Have the user's instance running, and return it."""
        answer = self.init_pb(user_id, **body)
        assert answer.status_code == 200, answer.text
        instance: Json = answer.json()["instance"]
        assert instance["status"] == "Running", answer.text
        return instance

    def stop_pb(self, user_id: str) -> requests.Response:
        """Return the answer to ``stop_pb``."""
        return self.call("POST", f"/api/users/{quote(user_id, safe='')}/stop_pb")

    def stop(self, user_id: str) -> Json:
        """Have the user's instance stopped, and return it."""
        answer = self.stop_pb(user_id)
        assert answer.status_code == 200, answer.text
        instance: Json = answer.json()["instance"]
        assert instance["status"] == "Stopped", answer.text
        return instance

    def find(self, user_id: str) -> Json | None:
        """Return the user's instance, or None when there is none."""
        answer = self.call("GET", f"/api/users/{quote(user_id, safe='')}/pb_status")
        assert answer.status_code == 200, answer.text
        found: Json | None = answer.json()["instance"]
        return found

    def instance(self, user_id: str) -> Json:
        """Return the user's instance; there must be one."""
        found = self.find(user_id)
        assert found is not None, f"{user_id} has no instance"
        return found

    def instances(self, query: str = "") -> Json:
        """Return the instances that ``pb_instances`` lists."""
        answer = self.call("GET", f"/api/pb_instances{query}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()["instances"]
        return found


def _in_background(call: Any) -> Future[requests.Response]:
    pool = ThreadPoolExecutor(1)
    future: Future[requests.Response] = pool.submit(call)
    pool.shutdown(wait=False)
    return future
